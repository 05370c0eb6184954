#include <openssl/ssl.h>

#include <random>
#include <thread>

#include "tests/unit/aio_tls_pair.hh"

using namespace tls_test;

namespace {

// A connection on which both ends speak TLS.
struct Fixture {
  Folder folder;
  Authority authority{folder, "root"};
  ContextPtr server = server_context({.certificates = {authority.issue({"a.test", "DNS:a.test"})}});
  ContextPtr client = client_context({.ca_file = authority.file(), .server_name = "a.test"});

  Task<Ends> connect(Loop& loop) const {
    Ends ends = co_await connect_ends(loop);
    const Agreed agreed = co_await shake(loop, ends, server, client);
    REQUIRE(agreed.server);
    REQUIRE(agreed.client);
    co_return std::move(ends);
  }
};

std::string random_text(size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

Task<> send_in_pieces(Loop& loop, Stream& stream, const std::string& bytes, unsigned seed) {
  std::mt19937 random(seed);
  size_t sent = 0;
  while (sent < bytes.size()) {
    std::string_view parts[Stream::kMostParts];
    for (std::string_view& part : parts) {
      const size_t most = random() % 4 == 0 ? 200'000 : 3'000;
      part = std::string_view(bytes).substr(sent, random() % most);
      sent += part.size();
    }
    const auto written = co_await stream.write(parts, loop.in(20s));
    if (!written) FAIL(written.error().message);
  }
}

Task<> receive_all(Loop& loop, Stream& stream, size_t size, unsigned seed, std::string& into) {
  std::mt19937 random(seed);
  while (into.size() < size) {
    const auto received = co_await stream.read_more(loop.in(20s));
    if (!received && received.error().code != Errc::limit) FAIL(received.error().message);
    // Now and then the buffer is left to fill.
    const size_t taken = random() % 3 == 0 ? stream.text().size() : random() % (stream.text().size() + 1);
    into += stream.text().substr(0, taken);
    stream.consume(taken);
    while (into.size() + stream.text().size() == size && !stream.text().empty()) {
      into += stream.text();
      stream.consume(stream.text().size());
    }
  }
}

std::string reading_error(const Result<size_t>& received) {
  return received ? "none" : received.error().message;
}

}  // namespace

TEST_CASE("much passes in both directions at once, in pieces of any size") {
  const Fixture fixture;
  for (unsigned seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    const std::string there = random_text(4'000'000, seed);
    const std::string back = random_text(3'000'000, seed + 100);
    run([&](Loop& loop) -> Task<> {
      Ends ends = co_await fixture.connect(loop);
      std::string at_server;
      std::string at_client;
      Scope scope(loop);
      scope.spawn(send_in_pieces(loop, ends.client, there, seed));
      scope.spawn(send_in_pieces(loop, ends.server, back, seed));
      scope.spawn(receive_all(loop, ends.server, there.size(), seed, at_server));
      scope.spawn(receive_all(loop, ends.client, back.size(), seed, at_client));
      co_await scope.join();
      CHECK((at_server == there));
      CHECK((at_client == back));
      CHECK(ends.server.bytes_in() == there.size());
      CHECK(ends.server.bytes_out() == back.size());
    });
  }
}

TEST_CASE("a reader that doesn't read stops a writer, and both go on later") {
  const Fixture fixture;
  const std::string much = random_text(16 << 20, 7);
  run([&](Loop& loop) -> Task<> {
    Ends ends = co_await fixture.connect(loop);
    Scope scope(loop);
    scope.spawn(must_send(loop, ends.client, much));
    for (bool full = false; !full;) {
      const auto received = co_await ends.server.read_more(loop.in(5s));
      full = !received && received.error().code == Errc::limit;
      if (!received && !full) FAIL(received.error().message);
    }
    CHECK_FALSE(ends.server.has_room());
    const auto slept = co_await sleep_until(loop.in(20ms));
    REQUIRE(slept);
    CHECK(scope.size() == 1);
    std::string all;
    while (all.size() < much.size()) {
      all += ends.server.text();
      ends.server.consume(ends.server.text().size());
      if (all.size() == much.size()) break;
      const auto received = co_await ends.server.read_more(loop.in(5s));
      REQUIRE(received);
    }
    co_await scope.join();
    CHECK((all == much));
  });
}

TEST_CASE("pinned plaintext stays where it is while more passes") {
  const Fixture fixture;
  run([&](Loop& loop) -> Task<> {
    Ends ends = co_await fixture.connect(loop);
    co_await must_send(loop, ends.client, "headbody");
    while (ends.server.text().size() < 8) {
      const auto received = co_await ends.server.read_more(loop.in(5s));
      REQUIRE(received);
    }
    const char* head = ends.server.text().data();
    ends.server.pin(4);
    co_await must_receive(loop, ends.server, "body");
    for (unsigned i = 0; i < 50; ++i) {
      const std::string piece = random_text(20'000, i);
      co_await must_send(loop, ends.client, piece);
      co_await must_receive(loop, ends.server, piece);
    }
    CHECK(std::string_view(head, 4) == "head");
    ends.server.unpin();
  });
}

TEST_CASE("an end that was said is an end, one that was not is an error") {
  const Fixture fixture;
  run([&](Loop& loop) -> Task<> {
    Ends finished = co_await fixture.connect(loop);
    co_await must_send(loop, finished.client, "last words");
    REQUIRE(finished.client.finish_writing());
    co_await must_receive(loop, finished.server, "last words");
    const auto end = co_await finished.server.read_more(loop.in(5s));
    CHECK(reading_error(end) == "none");
    CHECK(end == 0u);
    CHECK(finished.server.peer_left());
    co_await must_send(loop, finished.server, "half-closed");
    co_await must_receive(loop, finished.client, "half-closed");
    const auto too_late = co_await finished.client.write("x", loop.in(5s));
    CHECK(too_late.error().code == Errc::closed);

    Ends closed = co_await fixture.connect(loop);
    closed.client.close();
    const auto clean = co_await closed.server.read_more(loop.in(5s));
    CHECK(clean == 0u);

    Ends cut = co_await fixture.connect(loop);
    co_await must_send(loop, cut.client, "partial");
    shutdown(cut.client.descriptor(), SHUT_WR);
    co_await must_receive(loop, cut.server, "partial");
    const auto truncated = co_await cut.server.read_more(loop.in(5s));
    REQUIRE_FALSE(truncated);
    CHECK(truncated.error().code == Errc::closed);
    CHECK(truncated.error().message.find("without ending TLS") != std::string::npos);
  });
}

TEST_CASE("bytes that are no TLS end the reading with words") {
  const Fixture fixture;
  run([&](Loop& loop) -> Task<> {
    Ends ends = co_await fixture.connect(loop);
    const std::string junk = "\x17\x03\x03" + std::string(1, '\0') + "\x20" + std::string(32, 'x');
    REQUIRE(send(ends.client.descriptor(), junk.data(), junk.size(), MSG_NOSIGNAL) == 37);
    const auto received = co_await ends.server.read_more(loop.in(5s));
    REQUIRE_FALSE(received);
    CHECK(received.error().code == Errc::closed);
    CHECK(received.error().message == "reading: TLS: decryption failed or bad record mac");
    const auto told = co_await ends.client.read_more(loop.in(5s));
    CHECK(told.error().message.find("alert bad record mac") != std::string::npos);
  });
}

TEST_CASE("reads and writes of TLS end at their deadlines, and when they are cancelled") {
  const Fixture fixture;
  const std::string much(32 << 20, 'x');
  run([&](Loop& loop) -> Task<> {
    Ends ends = co_await fixture.connect(loop);
    const auto read = co_await ends.server.read_more(loop.in(5ms));
    CHECK(read.error().code == Errc::timed_out);
    co_await must_send(loop, ends.client, "still alive");
    co_await must_receive(loop, ends.server, "still alive");
    const auto written = co_await ends.client.write(much, loop.in(20ms));
    CHECK(written.error().code == Errc::timed_out);
    const auto again = co_await ends.client.write("x", loop.in(1s));
    CHECK(again.error().code == Errc::closed);

    Ends other = co_await fixture.connect(loop);
    Errc ended_with{};
    Scope scope(loop);
    const auto blocked = [](Loop& on, Stream& stream, const std::string& bytes, Errc& result) -> Task<> {
      const auto sent = co_await stream.write(bytes, on.in(1h));
      result = sent ? Errc::internal : sent.error().code;
    };
    scope.spawn(blocked(loop, other.client, much, ended_with));
    co_await scope.close();
    CHECK(ended_with == Errc::cancelled);
  });
}

TEST_CASE("the peer's leaving cancels whoever watches for it, TLS or not") {
  const Fixture fixture;
  run([&](Loop& loop) -> Task<> {
    Ends ends = co_await fixture.connect(loop);
    Errc ended_with{};
    Scope scope(loop);
    const auto work = [](Loop& on, Stream& watched, Errc& result) -> Task<> {
      TaskContext& me = co_await this_task();
      watched.cancel_when_peer_leaves(&me);
      const auto slept = co_await sleep_until(on.in(1h));
      result = slept ? Errc::internal : slept.error().code;
      watched.cancel_when_peer_leaves(nullptr);
    };
    scope.spawn(work(loop, ends.server, ended_with));
    ends.client.close();
    co_await scope.join();
    CHECK(ended_with == Errc::cancelled);
  });
}
