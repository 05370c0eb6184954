#include "pkg/aio/stream.hh"

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <thread>

#include "pkg/aio/connect.hh"
#include "pkg/aio/listener.hh"
#include "pkg/aio/scope.hh"
#include "tests/unit/aio_run.hh"

using namespace weir;
using namespace weir::aio;
using namespace std::chrono_literals;

namespace {

const Address kAnyPort = *Address::parse_listen("127.0.0.1:0");

struct Echo {
  Loop& loop;
  Scope scope{loop};
  std::unique_ptr<Listener> listener;
  Address address;

  explicit Echo(Loop& on, const Address& where = kAnyPort) : loop(on) {
    auto sockets = open_listening(where, 1);
    REQUIRE(sockets);
    address = *local_address(sockets->front().get());
    auto started = Listener::start(loop, std::move(sockets->front()),
                                   [this](Stream stream) { scope.spawn(serve(std::move(stream))); });
    REQUIRE(started);
    listener = std::make_unique<Listener>(std::move(*started));
  }
  Task<> serve(Stream stream) {
    for (;;) {
      const auto received = co_await stream.read_more(loop.in(10s));
      if (!received || *received == 0) co_return;
      const auto sent = co_await stream.write(stream.text(), loop.in(10s));
      if (!sent) co_return;
      stream.consume(stream.text().size());
    }
  }
  Task<> end() {
    listener.reset();
    co_await scope.close();
  }
};

// A connected pair, one end as a Stream, the other as a plain descriptor.
struct Pair {
  Descriptor peer;
  Stream stream;
};

Task<Pair> make_pair(Loop& loop) {
  auto sockets = open_listening(kAnyPort, 1);
  const auto address = local_address(sockets->front().get());
  auto connected = co_await connect(loop, *address, loop.in(5s));
  REQUIRE(connected);
  Pair pair{Descriptor(accept(sockets->front().get(), nullptr, nullptr)), std::move(*connected)};
  co_return std::move(pair);
}

struct Folder {
  std::string path;
  Folder() {
    char name[] = "/tmp/weir-test-XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() {
    unlink((path + "/s").c_str());
    rmdir(path.c_str());
  }
};

}  // namespace

namespace {

Task<> take_one(Loop& loop, Stream& stream) {
  const auto received = co_await stream.read_more(loop.in(10s));
  REQUIRE(received);
  stream.consume(stream.text().size());
}

}  // namespace

TEST_CASE("a stream whose bytes were taken holds no buffer, though nobody waits for more") {
  run([](Loop& loop) -> Task<> {
    auto pair = co_await make_pair(loop);
    Scope scope(loop);
    scope.spawn(take_one(loop, pair.stream));
    REQUIRE(write(pair.peer.get(), "x", 1) == 1);
    co_await scope.join();
    co_await yield();
    CHECK(pair.stream.bytes_in() == 1);
    CHECK(pair.stream.buffered().data() == nullptr);
  });
}

TEST_CASE("what has come already is received without waiting, and so is the end behind it") {
  run([](Loop& loop) -> Task<> {
    auto pair = co_await make_pair(loop);
    pair.stream.receive_now();
    CHECK(pair.stream.text().empty());
    CHECK(pair.stream.buffered().data() == nullptr);
    REQUIRE(write(pair.peer.get(), "abc", 3) == 3);
    pair.stream.receive_now();
    CHECK(pair.stream.text() == "abc");
    CHECK_FALSE(pair.stream.peer_finished());
    shutdown(pair.peer.get(), SHUT_WR);
    pair.stream.receive_now();
    CHECK(pair.stream.peer_finished());
    CHECK(pair.stream.text() == "abc");
    CHECK(pair.stream.bytes_in() == 3);
    const auto more = co_await pair.stream.read_more(loop.in(5s));
    REQUIRE(more);
    CHECK(*more == 0);
  });
}

TEST_CASE("a stream that was filled without waiting goes on when there is room") {
  run([](Loop& loop) -> Task<> {
    auto pair = co_await make_pair(loop);
    const std::string piece(Buffer::kCapacity / 2, 'x');
    for (int i = 0; i < 3; ++i)
      REQUIRE(send(pair.peer.get(), piece.data(), piece.size(), 0) == static_cast<ssize_t>(piece.size()));
    while (pair.stream.text().size() < Buffer::kCapacity) pair.stream.receive_now();
    CHECK(pair.stream.text().size() == Buffer::kCapacity);
    pair.stream.consume(Buffer::kCapacity);
    while (pair.stream.text().size() < piece.size()) {
      const auto received = co_await pair.stream.read_more(loop.in(5s));
      REQUIRE(received);
    }
    CHECK(pair.stream.bytes_in() == 3 * piece.size());
  });
}

TEST_CASE("who sends first is answered, over TCP and over a Unix socket") {
  const Folder folder;
  for (const std::string& where : {std::string("127.0.0.1:0"), "unix:" + folder.path + "/s"}) {
    run([where](Loop& loop) -> Task<> {
      Echo echo(loop, *Address::parse_listen(where));
      auto stream = co_await connect(loop, echo.address, loop.in(5s), FirstToSend::we);
      REQUIRE(stream);
      const auto sent = co_await stream->write("first", loop.in(5s));
      CHECK(sent);
      const auto received = co_await stream->read_more(loop.in(5s));
      CHECK(received);
      CHECK(stream->text() == "first");
      stream->close();
      co_await echo.end();
    });
  }
}

TEST_CASE("bytes come back over TCP and over a Unix socket") {
  const Folder folder;
  for (const std::string& where :
       {std::string("127.0.0.1:0"), std::string("[::1]:0"), "unix:" + folder.path + "/s"}) {
    run([where](Loop& loop) -> Task<> {
      Echo echo(loop, *Address::parse_listen(where));
      auto stream = co_await connect(loop, echo.address, loop.in(5s));
      REQUIRE(stream);
      for (int i = 0; i < 3; ++i) {
        const std::string_view parts[] = {"hello", "", " world"};
        const auto sent = co_await stream->write(parts, loop.in(5s));
        CHECK(sent);
        while (stream->text().size() < 11) {
          const auto received = co_await stream->read_more(loop.in(5s));
          REQUIRE(received);
        }
        CHECK(stream->text() == "hello world");
        stream->consume(11);
      }
      CHECK(stream->bytes_out() == 33);
      stream->close();
      co_await echo.end();
    });
  }
}

TEST_CASE("pinned bytes stay where they are while others pass") {
  run([](Loop& loop) -> Task<> {
    Pair pair = co_await make_pair(loop);
    REQUIRE(write(pair.peer.get(), "headbody", 8) == 8);
    while (pair.stream.text().size() < 8) {
      const auto received = co_await pair.stream.read_more(loop.in(5s));
      REQUIRE(received);
    }
    const char* head = pair.stream.text().data();
    pair.stream.pin(4);
    CHECK(pair.stream.text() == "body");
    pair.stream.consume(4);
    for (int i = 0; i < 100; ++i) {
      const std::string piece(3000, static_cast<char>('a' + i % 26));
      REQUIRE(write(pair.peer.get(), piece.data(), piece.size()) == 3000);
      while (pair.stream.text().size() < piece.size()) {
        const auto received = co_await pair.stream.read_more(loop.in(5s));
        REQUIRE(received);
      }
      CHECK(pair.stream.text() == piece);
      pair.stream.consume(piece.size());
    }
    CHECK(std::string_view(head, 4) == "head");
    pair.stream.unpin();
  });
}

TEST_CASE("a full buffer is back-pressure, and reading goes on when there is room") {
  run([](Loop& loop) -> Task<> {
    Pair pair = co_await make_pair(loop);
    constexpr size_t kAll = 16 << 20;
    std::thread writer([fd = pair.peer.get()] {
      const std::string piece(65536, 'x');
      for (size_t sent = 0; sent < kAll; sent += piece.size())
        REQUIRE(write(fd, piece.data(), piece.size()) == 65536);
    });
    size_t total = 0;
    for (bool full = false; !full;) {  // nobody consumes: the buffer fills and says so
      const auto received = co_await pair.stream.read_more(loop.in(5s));
      full = !received && received.error().code == Errc::limit;
      if (!received && !full) FAIL(received.error().message);
    }
    CHECK_FALSE(pair.stream.has_room());
    while (total < kAll) {
      total += pair.stream.text().size();
      pair.stream.consume(pair.stream.text().size());
      if (total == kAll) break;
      const auto received = co_await pair.stream.read_more(loop.in(5s));
      REQUIRE(received);
    }
    writer.join();
    CHECK(total == kAll);
  });
}

TEST_CASE("reads and writes end at their deadlines, and when they are cancelled") {
  run([](Loop& loop) -> Task<> {
    Pair pair = co_await make_pair(loop);
    const auto read = co_await pair.stream.read_more(loop.in(5ms));
    CHECK(read.error().code == Errc::timed_out);
    const std::string much(32 << 20, 'x');  // more than the kernel takes while the peer doesn't read
    const auto written = co_await pair.stream.write(much, loop.in(20ms));
    CHECK(written.error().code == Errc::timed_out);
    const auto again = co_await pair.stream.write("x", loop.in(1s));
    CHECK(again.error().code == Errc::closed);

    Pair other = co_await make_pair(loop);
    Errc ended_with{};
    Scope scope(loop);
    const auto blocked = [](Loop& on, Stream& stream, const std::string& bytes, Errc& result) -> Task<> {
      const auto sent = co_await stream.write(bytes, on.in(1h));
      result = sent ? Errc::internal : sent.error().code;
    };
    scope.spawn(blocked(loop, other.stream, much, ended_with));
    co_await scope.close();
    CHECK(ended_with == Errc::cancelled);
  });
}

TEST_CASE("a peer that resets, finishes or leaves is noticed") {
  run([](Loop& loop) -> Task<> {
    Pair reset = co_await make_pair(loop);
    const linger at_once{1, 0};
    setsockopt(reset.peer.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    reset.peer = Descriptor();
    const auto read = co_await reset.stream.read_more(loop.in(5s));
    CHECK(read.error().code == Errc::closed);

    Pair finished = co_await make_pair(loop);
    shutdown(finished.peer.get(), SHUT_WR);
    const auto end = co_await finished.stream.read_more(loop.in(5s));
    CHECK(end == 0u);
    CHECK(finished.stream.peer_left());
    const auto sent = co_await finished.stream.write("still there", loop.in(5s));
    CHECK(sent);

    Pair left = co_await make_pair(loop);
    Errc ended_with{};
    Scope scope(loop);
    const auto work = [](Loop& on, Stream& client, Errc& result) -> Task<> {
      TaskContext& me = co_await this_task();
      client.cancel_when_peer_leaves(&me);
      const auto slept = co_await sleep_until(on.in(1h));
      result = slept ? Errc::internal : slept.error().code;
      client.cancel_when_peer_leaves(nullptr);
    };
    scope.spawn(work(loop, left.stream, ended_with));
    left.peer = Descriptor();
    co_await scope.join();
    CHECK(ended_with == Errc::cancelled);
  });
}

TEST_CASE("connecting is refused, times out and is cancelled") {
  run([](Loop& loop) -> Task<> {
    auto sockets = open_listening(kAnyPort, 1);
    const Address address = *local_address(sockets->front().get());
    sockets->clear();
    const auto refused = co_await connect(loop, address, loop.in(5s));
    CHECK(refused.error().code == Errc::refused);
    const auto missing = co_await connect(loop, *Address::parse_connect("unix:/no/such/socket"), loop.in(5s));
    CHECK(missing.error().code == Errc::not_found);

    Descriptor full(socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_storage storage;
    const socklen_t size = kAnyPort.to_sockaddr(storage);
    REQUIRE(bind(full.get(), reinterpret_cast<sockaddr*>(&storage), size) == 0);
    REQUIRE(listen(full.get(), 0) == 0);
    const Address stuck = *local_address(full.get());
    std::vector<Stream> waiting;
    Errc last{};
    for (int i = 0; i < 5 && last != Errc::timed_out; ++i) {  // until the accept queue takes no more
      auto stream = co_await connect(loop, stuck, loop.in(50ms));
      if (stream)
        waiting.push_back(std::move(*stream));
      else
        last = stream.error().code;
    }
    CHECK(last == Errc::timed_out);
  });
}

TEST_CASE("two processes cannot listen on one port in silence") {
  auto first = open_listening(kAnyPort, 2);
  REQUIRE(first);
  const Address taken = *local_address(first->front().get());
  CHECK(*local_address((*first)[1].get()) == taken);
  const auto second = open_listening(taken, 2);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Errc::refused);
}

TEST_CASE("a listener that drains resets nobody who has connected") {
  Loop loop;
  auto echo = std::make_unique<Echo>(loop);
  sockaddr_storage storage;
  const socklen_t size = echo->address.to_sockaddr(storage);
  std::atomic<bool> refused = false;
  std::atomic<int> answered = 0;
  std::atomic<int> lost = 0;
  std::vector<std::thread> clients;
  for (int t = 0; t < 4; ++t) {
    clients.emplace_back([&] {
      while (!refused) {
        const Descriptor client(socket(AF_INET, SOCK_STREAM, 0));
        if (connect(client.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0) {
          refused = true;
          break;
        }
        char byte = 'x';
        const bool served =
            send(client.get(), &byte, 1, MSG_NOSIGNAL) == 1 && recv(client.get(), &byte, 1, 0) == 1;
        ++(served ? answered : lost);
      }
    });
  }
  Scope scope(loop);
  const auto drain = [](Loop& on, Echo& server, std::atomic<int>& count) -> Task<> {
    while (count < 200) {
      const auto waited = co_await sleep_until(on.in(1ms));
      REQUIRE(waited);
    }
    co_await server.listener->drain();
    co_await server.end();
    on.stop();
  };
  loop.post([&] { scope.spawn(drain(loop, *echo, answered)); });
  // Clients on other threads are still answered while the loop ends their connections.
  loop.run();
  refused = true;
  for (auto& client : clients) client.join();
  CHECK(answered >= 200);
  CHECK(lost <= 4);  // those whose connection end() cut, one a client
}
