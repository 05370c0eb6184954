// Our server and OpenSSL's own client, which does what ours never would.

#include <openssl/ssl.h>
#include <sys/time.h>

#include <atomic>
#include <thread>

#include "tests/unit/aio_tls_pair.hh"

using namespace tls_test;

namespace {

struct FreeSsl {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

struct Files {
  Folder folder;
  Authority authority{folder, "root"};
  ContextPtr server = server_context({.certificates = {authority.issue({"a.test", "DNS:a.test"})}});
};

Task<> echo(Loop& loop, Stream& stream, ContextPtr context, Result<>& ended_with) {
  ended_with = co_await stream.start_tls(std::move(context), loop.in(10s));
  while (ended_with) {
    const auto received = co_await stream.read_more(loop.in(10s));
    if (received && *received == 0) break;
    if (!received) {
      ended_with = std::unexpected(received.error());
      break;
    }
    ended_with = co_await stream.write(stream.text(), loop.in(10s));
    stream.consume(stream.text().size());
  }
  stream.close();
}

Descriptor connect_blocking(const Address& address) {
  Descriptor client(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_storage storage;
  const socklen_t size = address.to_sockaddr(storage);
  const timeval limit{10, 0};
  setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const bool connected = connect(client.get(), reinterpret_cast<sockaddr*>(&storage), size) == 0;
  return connected ? std::move(client) : Descriptor();
}

// Runs `talk` with a client, whose settings `prepare` makes, against our echo; what the echo ended with. Null
// expects that the client is refused.
Result<> converse(const Files& files, void (*prepare)(SSL_CTX*), bool (*talk)(SSL*)) {
  Result<> ended_with;
  std::atomic<bool> is_failed = false;
  run([&](Loop& loop) -> Task<> {
    auto sockets = open_listening(*Address::parse_listen("127.0.0.1:0"), 1);
    REQUIRE(sockets);
    const Address address = *local_address(sockets->front().get());
    Scope scope(loop);
    std::vector<Stream> streams;
    Event accepted;
    auto listener = Listener::start(loop, std::move(sockets->front()), [&](Stream stream) {
      streams.push_back(std::move(stream));
      accepted.set();
    });
    REQUIRE(listener);
    std::thread peer([&, address] {
      const Descriptor socket = connect_blocking(address);
      const std::unique_ptr<SSL_CTX, FreeSsl> context(SSL_CTX_new(TLS_client_method()));
      prepare(context.get());
      const std::unique_ptr<SSL, FreeSsl> ssl(SSL_new(context.get()));
      SSL_set_fd(ssl.get(), socket.get());
      const bool connected = SSL_connect(ssl.get()) == 1;
      if (connected != (talk != nullptr) || (connected && !talk(ssl.get()))) is_failed = true;
      SSL_shutdown(ssl.get());
    });
    const auto waited = co_await accepted.wait(loop.in(5s));
    REQUIRE(waited);
    scope.spawn(echo(loop, streams.front(), files.server, ended_with));
    co_await scope.join();
    peer.join();
  });
  CHECK_FALSE(is_failed);
  return ended_with;
}

bool echoes(SSL* ssl, const std::string& text) {
  if (SSL_write(ssl, text.data(), static_cast<int>(text.size())) != static_cast<int>(text.size()))
    return false;
  std::string back(text.size(), '\0');
  for (size_t got = 0; got < back.size();) {
    const int count = SSL_read(ssl, back.data() + got, static_cast<int>(back.size() - got));
    if (count <= 0) return false;
    got += static_cast<size_t>(count);
  }
  return back == text;
}

void nothing(SSL_CTX*) {}

}  // namespace

TEST_CASE("keys are updated at any time, at the peer's wish") {
  const Files files;
  const auto ended_with = converse(files, nothing, [](SSL* ssl) {
    for (int i = 0; i < 20; ++i) {
      if (SSL_key_update(ssl, i % 2 == 0 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED) != 1) {
        return false;
      }
      if (!echoes(ssl, std::string(1000 * static_cast<size_t>(i) + 1, 'k'))) return false;
    }
    return true;
  });
  CHECK(ended_with);
}

TEST_CASE("TLS 1.2 works with every cipher of ours") {
  const Files files;
  const auto prepare = [](SSL_CTX* context) {
    static const char* ciphers[] = {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
                                    "ECDHE-ECDSA-CHACHA20-POLY1305"};
    static size_t next = 0;
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(context, ciphers[next++ % 3]);
  };
  for (int i = 0; i < 3; ++i) {
    const auto ended_with = converse(files, prepare, [](SSL* ssl) {
      return SSL_version(ssl) == TLS1_2_VERSION && echoes(ssl, std::string(100'000, 'x'));
    });
    CHECK(ended_with);
  }
}

TEST_CASE("renegotiation is refused, and the connection goes on") {
  const Files files;
  const auto prepare = [](SSL_CTX* context) { SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION); };
  const auto ended_with = converse(files, prepare, [](SSL* ssl) {
    if (!echoes(ssl, "before")) return false;
    SSL_renegotiate(ssl);
    return SSL_do_handshake(ssl) != 1;
  });
  if (!ended_with) CHECK(ended_with.error().code == Errc::closed);
}

TEST_CASE("a client that speaks TLS 1.1 only is refused with words") {
  const Files files;
  const auto prepare = [](SSL_CTX* context) {
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
  };
  const auto ended_with = converse(files, prepare, nullptr);
  REQUIRE_FALSE(ended_with);
  CHECK(ended_with.error().message == "TLS handshake: unsupported protocol");
}
