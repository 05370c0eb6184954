// The cost of TLS: a handshake, and a gigabyte in each direction, over loopback. The server's thread runs our
// streams and is what is measured; the client is OpenSSL's own, blocking, on another thread.

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>

#include "pkg/aio/listener.hh"
#include "pkg/aio/scope.hh"
#include "pkg/aio/tls.hh"

using namespace weir;
using namespace weir::aio;
using namespace std::chrono_literals;

namespace {

constexpr int kHandshakes = 2000;
constexpr int kRequests = 50'000;
constexpr size_t kGigabyte = 1'000'000'000;
constexpr size_t kPiece = 64 * 1024;

double thread_seconds() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

TlsCertificate make_certificate(const std::string& stem) {
  TlsCertificate files{stem + ".pem", stem + ".key"};
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* made = X509_new();
  X509_set_version(made, X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(made), 0);
  X509_gmtime_adj(X509_getm_notAfter(made), 3600);
  X509_set_pubkey(made, key);
  X509_sign(made, key, EVP_sha256());
  FILE* out = fopen(files.chain_file.c_str(), "w");
  PEM_write_X509(out, made);
  fclose(out);
  out = fopen(files.key_file.c_str(), "w");
  PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  fclose(out);
  X509_free(made);
  EVP_PKEY_free(key);
  return files;
}

enum class Work { handshakes, resumptions, requests, download, upload };

// What the server does with each connection.
Task<> serve(Loop& loop, Stream stream, std::shared_ptr<const TlsContext> context, Work work, int& left) {
  const auto started = co_await stream.start_tls(std::move(context), loop.in(10s));
  if (!started) {
    std::fprintf(stderr, "%s\n", started.error().message.c_str());
    abort();
  }
  const std::string piece(kPiece, 'x');
  for (size_t sent = 0; work == Work::download && sent < kGigabyte; sent += kPiece) {
    const auto written = co_await stream.write(piece, loop.in(10s));
    if (!written) abort();
  }
  for (;;) {
    const auto received = co_await stream.read_more(loop.in(10s));
    if (!received || *received == 0) break;
    if (work == Work::requests) {
      const auto written = co_await stream.write(stream.text(), loop.in(10s));
      if (!written) break;
    }
    stream.consume(stream.text().size());
  }
  stream.close();
  if (--left == 0) loop.stop();
}

// The server's CPU time for `connections` connections, during which `client` runs on another thread.
double measure(std::shared_ptr<const TlsContext> context, Work work, int connections,
               const std::function<void(const sockaddr*, socklen_t)>& client) {
  Loop loop;
  Scope scope(loop);
  auto sockets = open_listening(*Address::parse_listen("127.0.0.1:0"), 1);
  sockaddr_storage storage;
  const socklen_t size = local_address(sockets->front().get())->to_sockaddr(storage);
  int left = connections;
  const auto listener = Listener::start(loop, std::move(sockets->front()), [&](Stream stream) {
    scope.spawn(serve(loop, std::move(stream), context, work, left));
  });
  std::thread other([&] { client(reinterpret_cast<const sockaddr*>(&storage), size); });
  const double before = thread_seconds();
  loop.run();
  const double used = thread_seconds() - before;
  other.join();
  return used;
}

class Client {
 public:
  Client(SSL_CTX* context, const sockaddr* address, socklen_t size, SSL_SESSION* session)
      : socket_(socket(AF_INET, SOCK_STREAM, 0)), ssl_(SSL_new(context)) {
    SSL_set_fd(ssl_, socket_);
    if (session != nullptr) {  // a copy, for a session is spoilt by its use
      SSL_SESSION* copy = SSL_SESSION_dup(session);
      SSL_set_session(ssl_, copy);
      SSL_SESSION_free(copy);
    }
    if (connect(socket_, address, size) != 0 || SSL_connect(ssl_) != 1) abort();
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() {
    SSL_shutdown(ssl_);
    SSL_free(ssl_);
    close(socket_);
  }
  SSL* ssl() { return ssl_; }

 private:
  int socket_;
  SSL* ssl_;
};

void download(SSL* ssl) {
  std::string buffer(kPiece, '\0');
  for (size_t got = 0; got < kGigabyte;) {
    const int count = SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size()));
    if (count <= 0) abort();
    got += static_cast<size_t>(count);
  }
}

void upload(SSL* ssl) {
  const std::string piece(kPiece, 'x');
  for (size_t sent = 0; sent < kGigabyte; sent += kPiece) {
    if (SSL_write(ssl, piece.data(), static_cast<int>(piece.size())) <= 0) abort();
  }
}

void requests(SSL* ssl) {
  char buffer[256] = {};
  for (int i = 0; i < kRequests; ++i) {
    if (SSL_write(ssl, buffer, sizeof buffer) <= 0 || SSL_read(ssl, buffer, sizeof buffer) <= 0) abort();
  }
}

SSL_SESSION* kept_session = nullptr;

int keep_session(SSL*, SSL_SESSION* session) {
  SSL_SESSION_free(std::exchange(kept_session, session));
  return 1;
}

}  // namespace

int main() {
  char folder[] = "/tmp/weir-tls-bench-XXXXXX";
  if (mkdtemp(folder) == nullptr) return 1;
  const TlsCertificate files = make_certificate(std::string(folder) + "/bench");
  const auto server = make_server_context({.certificates = {files}});
  unlink(files.chain_file.c_str());
  unlink(files.key_file.c_str());
  rmdir(folder);
  if (!server) return 1;
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, keep_session);

  const auto once = [&](Work work, void (*talk)(SSL*)) {
    return measure(*server, work, 1, [&](const sockaddr* address, socklen_t size) {
      Client client(context, address, size, nullptr);
      talk(client.ssl());
    });
  };
  const auto many = [&](Work work) {
    return measure(*server, work, kHandshakes, [&](const sockaddr* address, socklen_t size) {
      for (int i = 0; i < kHandshakes; ++i) {
        Client client(context, address, size, work == Work::resumptions ? kept_session : nullptr);
      }
    });
  };
  once(Work::requests, requests);  // warms up, and leaves a session
  std::printf("%7.1f us of CPU a full handshake (TLS 1.3, X25519, ECDSA P-256)\n",
              many(Work::handshakes) / kHandshakes * 1e6);
  std::printf("%7.1f us of CPU a resumed handshake\n", many(Work::resumptions) / kHandshakes * 1e6);
  std::printf("%7.2f us of CPU a request of 256 bytes and its answer\n",
              once(Work::requests, requests) / kRequests * 1e6);
  std::printf("%7.3f s of CPU a gigabyte sent (AES-128-GCM)\n", once(Work::download, download));
  std::printf("%7.3f s of CPU a gigabyte received\n", once(Work::upload, upload));
  SSL_SESSION_free(kept_session);
  SSL_CTX_free(context);
  return 0;
}
