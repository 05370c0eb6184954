#include "pkg/aio/tunnel.hh"

#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <thread>

#include "pkg/aio/connect.hh"
#include "pkg/base/random.hh"
#include "tests/unit/aio_run.hh"

using namespace weir;
using namespace weir::aio;
using namespace std::chrono_literals;
using Reason = TunnelEnd::Reason;
using Side = TunnelEnd::Side;

namespace {

const Address kAnyPort = *Address::parse_listen("127.0.0.1:0");

// A connected TCP pair of plain, blocking descriptors.
std::pair<Descriptor, Descriptor> tcp_pair() {
  auto sockets = open_listening(kAnyPort, 1);
  REQUIRE(sockets);
  sockaddr_storage storage;
  const socklen_t size = local_address(sockets->front().get())->to_sockaddr(storage);
  Descriptor near(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(connect(near.get(), reinterpret_cast<sockaddr*>(&storage), size) == 0);
  return {std::move(near), Descriptor(accept(sockets->front().get(), nullptr, nullptr))};
}

// A client and an upstream as plain descriptors, with the streams between them that a tunnel joins.
struct Ends {
  Descriptor client;
  Descriptor upstream;
  Stream client_stream;
  Stream upstream_stream;

  explicit Ends(Loop& loop) {
    auto [outer_client, inner_client] = tcp_pair();
    auto [outer_upstream, inner_upstream] = tcp_pair();
    client = std::move(outer_client);
    upstream = std::move(outer_upstream);
    client_stream = std::move(*adopt(loop, std::move(inner_client)));
    upstream_stream = std::move(*adopt(loop, std::move(inner_upstream)));
  }
  Task<> close_streams() {
    client_stream.close();
    upstream_stream.close();
    co_await yield();  // they are closed behind the poll
  }
};

Task<> run_into(Tunnel& tunnel, TunnelEnd& out) {
  out = co_await tunnel.run();
}

// The stream of bytes that a seed stands for, so that both ends can make it by themselves.
class Bytes64 {
 public:
  explicit Bytes64(uint64_t seed) : random_(seed) {}
  void fill(std::span<char> out) {
    for (char& c : out) {
      if (left_ == 0) {
        word_ = random_.next();
        left_ = 8;
      }
      c = static_cast<char>(word_);
      word_ >>= 8;
      --left_;
    }
  }

 private:
  Random random_;
  uint64_t word_ = 0;
  int left_ = 0;
};

// 0, or the error that ended it.
int send_all(int fd, uint64_t seed, size_t total) {
  Bytes64 bytes(seed);
  std::vector<char> piece(256 * 1024);
  for (size_t sent = 0; sent < total;) {
    const std::span part(piece.data(), std::min(piece.size(), total - sent));
    bytes.fill(part);
    for (size_t done = 0; done < part.size();) {
      const ssize_t count = send(fd, part.data() + done, part.size() - done, MSG_NOSIGNAL);
      if (count <= 0) return errno;
      done += static_cast<size_t>(count);
    }
    sent += part.size();
  }
  shutdown(fd, SHUT_WR);
  return 0;
}

// How many bytes came until the end, all of them as they should be; -1 when one was not.
int64_t receive_all(int fd, uint64_t seed) {
  Bytes64 bytes(seed);
  std::vector<char> piece(256 * 1024);
  std::vector<char> expected(piece.size());
  int64_t total = 0;
  for (;;) {
    const ssize_t count = recv(fd, piece.data(), piece.size(), 0);
    if (count <= 0) return total;
    bytes.fill({expected.data(), static_cast<size_t>(count)});
    if (memcmp(piece.data(), expected.data(), static_cast<size_t>(count)) != 0) return -1;
    total += count;
  }
}

std::string receive_text(int fd, size_t count) {
  std::string text(count, '\0');
  const ssize_t got = recv(fd, text.data(), count, MSG_WAITALL);
  text.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

// Gives the loop turns until `is_so` holds.
template <typename Condition>
Task<> wait_until(Loop& loop, Condition is_so) {
  const Deadline end = loop.in(20s);
  while (!is_so() && loop.in(0s) < end) {
    const auto slept = co_await sleep_until(loop.in(1ms));
    if (!slept) co_return;
  }
}

bool has_input(int fd, size_t count) {
  std::string text(count, '\0');
  return recv(fd, text.data(), count, MSG_PEEK | MSG_DONTWAIT) == static_cast<ssize_t>(count);
}

// What recv() says at the end of a connection: 0, or the error.
int ending_of(int fd) {
  char byte;
  for (;;) {
    const ssize_t count = recv(fd, &byte, 1, 0);
    if (count == 0) return 0;
    if (count < 0) return errno;
  }
}

}  // namespace

TEST_CASE("a tunnel passes on each side's finishing while the other goes on") {
  for (const bool client_first : {true, false}) {
    run([client_first](Loop& loop) -> Task<> {
      Ends ends(loop);
      Tunnel tunnel(loop, ends.client_stream, ends.upstream_stream, {});
      TunnelEnd end;
      Scope scope(loop);
      scope.spawn(run_into(tunnel, end));
      const int first = client_first ? ends.client.get() : ends.upstream.get();
      const int last = client_first ? ends.upstream.get() : ends.client.get();
      REQUIRE(send(first, "hello", 5, 0) == 5);
      shutdown(first, SHUT_WR);
      const auto hello_came = [last] { return has_input(last, 5); };
      co_await wait_until(loop, hello_came);
      CHECK(receive_text(last, 5) == "hello");
      CHECK(send(last, "goodbye", 7, 0) == 7);
      const auto goodbye_came = [first] { return has_input(first, 7); };
      co_await wait_until(loop, goodbye_came);
      CHECK(receive_text(first, 7) == "goodbye");
      shutdown(last, SHUT_WR);
      co_await scope.join();
      CHECK(end.reason == Reason::finished);
      CHECK(end.side == (client_first ? Side::client : Side::upstream));
      CHECK(tunnel.bytes_to_upstream() == (client_first ? 5u : 7u));
      CHECK(tunnel.bytes_to_client() == (client_first ? 7u : 5u));
      co_await ends.close_streams();
      CHECK(ending_of(first) == 0);
      CHECK(ending_of(last) == 0);
    });
  }
}

TEST_CASE("an answer and the end behind it that come together are passed on together") {
  run([](Loop& loop) -> Task<> {
    Ends ends(loop);
    REQUIRE(send(ends.upstream.get(), "answer", 6, 0) == 6);
    shutdown(ends.upstream.get(), SHUT_WR);
    Tunnel tunnel(loop, ends.client_stream, ends.upstream_stream, {});
    TunnelEnd end;
    Scope scope(loop);
    scope.spawn(run_into(tunnel, end));
    const auto answer_came = [&] { return has_input(ends.client.get(), 6); };
    co_await wait_until(loop, answer_came);
    CHECK(receive_text(ends.client.get(), 6) == "answer");
    CHECK(ending_of(ends.client.get()) == 0);
    CHECK(scope.size() > 0);  // the client may still send
    shutdown(ends.client.get(), SHUT_WR);
    co_await scope.join();
    CHECK(end.reason == Reason::finished);
    CHECK(end.side == Side::upstream);
    CHECK(tunnel.bytes_to_client() == 6);
    co_await ends.close_streams();
    CHECK(ending_of(ends.upstream.get()) == 0);
  });
}

TEST_CASE("bulk traffic both ways arrives whole, spliced and copied") {
  for (const bool may_splice : {true, false}) {
    run([may_splice](Loop& loop) -> Task<> {
      const int64_t total = (may_splice ? 200 : 40) << 20;
      Ends ends(loop);
      Tunnel tunnel(loop, ends.client_stream, ends.upstream_stream, {.may_splice = may_splice});
      TunnelEnd end;
      Scope scope(loop);
      scope.spawn(run_into(tunnel, end));
      int64_t up = 0;
      int64_t down = 0;
      std::thread senders[] = {std::thread(send_all, ends.client.get(), 1, total),
                               std::thread(send_all, ends.upstream.get(), 2, total)};
      std::thread receivers[] = {std::thread([&] { up = receive_all(ends.upstream.get(), 1); }),
                                 std::thread([&] { down = receive_all(ends.client.get(), 2); })};
      bool was_splicing = false;
      while (scope.size() > 0) {
        const auto slept = co_await sleep_until(loop.in(1ms));
        REQUIRE(slept);
        was_splicing = was_splicing || tunnel.is_splicing();
      }
      co_await ends.close_streams();
      for (std::thread& thread : senders) thread.join();
      for (std::thread& thread : receivers) thread.join();
      CHECK(up == total);
      CHECK(down == total);
      CHECK(was_splicing == may_splice);
      CHECK(end.reason == Reason::finished);
      CHECK_FALSE(tunnel.is_splicing());
      CHECK(tunnel.bytes_to_upstream() == static_cast<uint64_t>(total));
      CHECK(tunnel.bytes_to_client() == static_cast<uint64_t>(total));
    });
  }
}

TEST_CASE("a tunnel that is quiet again gives its pipe back and goes on") {
  run([](Loop& loop) -> Task<> {
    Ends ends(loop);
    Tunnel tunnel(loop, ends.client_stream, ends.upstream_stream, {});
    TunnelEnd end;
    Scope scope(loop);
    scope.spawn(run_into(tunnel, end));
    const std::string much(32 << 20, 'x');
    for (int round = 0; round < 2; ++round) {
      std::thread sender([&] { (void)send(ends.client.get(), much.data(), much.size(), MSG_NOSIGNAL); });
      std::string got;
      std::thread receiver([&] { got = receive_text(ends.upstream.get(), much.size()); });
      const auto splices = [&] { return tunnel.is_splicing(); };
      const auto is_quiet = [&] { return !tunnel.is_splicing(); };
      co_await wait_until(loop, splices);
      co_await wait_until(loop, is_quiet);
      sender.join();
      receiver.join();
      CHECK(got == much);
      REQUIRE(send(ends.upstream.get(), "ok", 2, 0) == 2);
      const auto ok_came = [&] { return has_input(ends.client.get(), 2); };
      co_await wait_until(loop, ok_came);
      CHECK(receive_text(ends.client.get(), 2) == "ok");
    }
    co_await scope.close();
    CHECK(end.reason == Reason::cancelled);
    co_await ends.close_streams();
  });
}

TEST_CASE("a reader that is slow holds the sender back") {
  run([](Loop& loop) -> Task<> {
    Ends ends(loop);
    Tunnel tunnel(loop, ends.client_stream, ends.upstream_stream, {});
    TunnelEnd end;
    Scope scope(loop);
    scope.spawn(run_into(tunnel, end));
    const std::string piece(64 * 1024, 'x');
    size_t sent = 0;
    for (int blocked = 0; blocked < 20;) {  // until nothing moves any more
      const ssize_t count = send(ends.client.get(), piece.data(), piece.size(), MSG_DONTWAIT);
      if (count > 0) sent += static_cast<size_t>(count);
      blocked = count > 0 ? 0 : blocked + 1;
      const auto slept = co_await sleep_until(loop.in(count > 0 ? 0ms : 1ms));
      REQUIRE(slept);
    }
    CHECK(sent < 64 << 20);
    size_t got = 0;
    while (got < sent) {
      std::string some(256 * 1024, '\0');
      const ssize_t count = recv(ends.upstream.get(), some.data(), some.size(), MSG_DONTWAIT);
      if (count > 0) got += static_cast<size_t>(count);
      const auto slept = co_await sleep_until(loop.in(0ms));
      REQUIRE(slept);
    }
    CHECK(got == sent);
    co_await scope.close();
    co_await ends.close_streams();
    CHECK(ending_of(ends.upstream.get()) == 0);  // nothing was left unsent
  });
}

TEST_CASE("a tunnel is idle when nothing moves in either direction") {
  run([](Loop& loop) -> Task<> {
    Ends ends(loop);
    Tunnel tunnel(loop, ends.client_stream, ends.upstream_stream, {.idle_timeout = 200ms});
    TunnelEnd end;
    Scope scope(loop);
    const uint64_t begun = loop.now_tick();
    scope.spawn(run_into(tunnel, end));
    for (int i = 0; i < 10; ++i) {  // one direction alone keeps it alive
      REQUIRE(send(ends.client.get(), "x", 1, 0) == 1);
      const auto slept = co_await sleep_until(loop.in(30ms));
      REQUIRE(slept);
    }
    co_await scope.join();
    CHECK(end.reason == Reason::idle);
    CHECK(loop.now_tick() - begun >= 460);
    co_await ends.close_streams();
    CHECK(ending_of(ends.client.get()) == 0);
  });
}

TEST_CASE("a reader that stalls for ever is idle too, and sees that its transfer is torn") {
  run([](Loop& loop) -> Task<> {
    Ends ends(loop);
    Tunnel tunnel(loop, ends.client_stream, ends.upstream_stream, {.idle_timeout = 50ms});
    TunnelEnd end;
    Scope scope(loop);
    scope.spawn(run_into(tunnel, end));
    std::thread sender(send_all, ends.client.get(), 1, size_t{256} << 20);
    co_await scope.join();
    CHECK(end.reason == Reason::idle);
    co_await ends.close_streams();
    sender.join();
    CHECK(ending_of(ends.upstream.get()) == ECONNRESET);
  });
}

TEST_CASE("a reset of one side resets the other, idle or in the middle of bulk traffic") {
  for (const bool client_resets : {true, false}) {
    for (const bool bulk : {false, true}) {
      run([=](Loop& loop) -> Task<> {
        Ends ends(loop);
        Tunnel tunnel(loop, ends.client_stream, ends.upstream_stream, {});
        TunnelEnd end;
        Scope scope(loop);
        scope.spawn(run_into(tunnel, end));
        Descriptor& leaves = client_resets ? ends.client : ends.upstream;
        const Descriptor& stays = client_resets ? ends.upstream : ends.client;
        std::thread sender;
        int seen_by_sender = 0;
        if (bulk) {
          sender = std::thread([&] { seen_by_sender = send_all(stays.get(), 1, size_t{1} << 30); });
          std::string some(256 * 1024, '\0');
          while (!tunnel.is_splicing()) {
            (void)recv(leaves.get(), some.data(), some.size(), MSG_DONTWAIT);
            const auto slept = co_await sleep_until(loop.in(0ms));
            REQUIRE(slept);
          }
        }
        const linger at_once{1, 0};
        setsockopt(leaves.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        leaves = Descriptor();
        co_await scope.join();
        CHECK(end.reason == Reason::failed);
        CHECK(end.side == (client_resets ? Side::client : Side::upstream));
        CHECK(end.error.code == Errc::closed);
        co_await ends.close_streams();
        if (bulk) sender.join();
        CHECK((bulk ? seen_by_sender : ending_of(stays.get())) == ECONNRESET);
      });
    }
  }
}

TEST_CASE("a released tunnel goes on elsewhere, no byte lost or doubled") {
  for (const bool may_splice : {true, false}) {
    run([may_splice](Loop& loop) -> Task<> {
      constexpr size_t kTotal = 100 << 20;
      Ends ends(loop);
      int64_t up = 0;
      int64_t down = 0;
      std::thread senders[] = {std::thread(send_all, ends.client.get(), 1, kTotal),
                               std::thread(send_all, ends.upstream.get(), 2, kTotal)};
      std::thread receivers[] = {std::thread([&] { up = receive_all(ends.upstream.get(), 1); }),
                                 std::thread([&] { down = receive_all(ends.client.get(), 2); })};
      Stream client = std::move(ends.client_stream);
      Stream upstream = std::move(ends.upstream_stream);
      TunnelEnd end;
      uint64_t carried_up = 0;
      int releases = 0;
      do {
        Tunnel tunnel(loop, client, upstream, {.may_splice = may_splice}, std::move(end.to_upstream),
                      std::move(end.to_client));
        end = {};
        Scope scope(loop);
        scope.spawn(run_into(tunnel, end));
        for (int turn = 0; turn < 20 && scope.size() > 0; ++turn) {
          const auto slept = co_await sleep_until(loop.in(1ms));
          REQUIRE(slept);
        }
        CHECK(tunnel.release());
        co_await scope.join();
        carried_up += tunnel.bytes_to_upstream();
        if (end.reason != Reason::released) break;
        ++releases;
        // What another process would be sent.
        Descriptor client_fd(dup(client.descriptor()));
        Descriptor upstream_fd(dup(upstream.descriptor()));
        client = Stream();
        upstream = Stream();
        client = std::move(*adopt(loop, std::move(client_fd)));
        upstream = std::move(*adopt(loop, std::move(upstream_fd)));
      } while (true);
      client.close();
      upstream.close();
      co_await yield();
      for (std::thread& thread : senders) thread.join();
      for (std::thread& thread : receivers) thread.join();
      CHECK(end.reason == Reason::finished);
      CHECK(releases > 0);
      CHECK(up == kTotal);
      CHECK(down == kTotal);
      CHECK(carried_up == kTotal);
    });
  }
}

TEST_CASE("a released tunnel says which direction has finished already") {
  run([](Loop& loop) -> Task<> {
    Ends ends(loop);
    TunnelEnd end;
    {
      Tunnel tunnel(loop, ends.client_stream, ends.upstream_stream, {});
      Scope scope(loop);
      scope.spawn(run_into(tunnel, end));
      shutdown(ends.client.get(), SHUT_WR);
      const auto finished = [&] {
        char byte;
        return recv(ends.upstream.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
      };
      co_await wait_until(loop, finished);
      CHECK(tunnel.release());
      co_await scope.join();
    }
    REQUIRE(end.reason == Reason::released);
    CHECK(end.to_upstream.finished);
    CHECK_FALSE(end.to_client.finished);
    Tunnel tunnel(loop, ends.client_stream, ends.upstream_stream, {}, std::move(end.to_upstream),
                  {.bytes = "left over, "});
    TunnelEnd second;
    Scope scope(loop);
    scope.spawn(run_into(tunnel, second));
    REQUIRE(send(ends.upstream.get(), "then new", 8, 0) == 8);
    shutdown(ends.upstream.get(), SHUT_WR);
    co_await scope.join();
    CHECK(second.reason == Reason::finished);
    CHECK(receive_text(ends.client.get(), 19) == "left over, then new");
    co_await ends.close_streams();
  });
}

TEST_CASE("many tunnels at once each carry their own") {
  run([](Loop& loop) -> Task<> {
    constexpr size_t kTunnels = 50;
    constexpr size_t kEach = 4 << 20;
    std::vector<std::unique_ptr<Ends>> ends;
    std::vector<std::unique_ptr<Tunnel>> tunnels;
    std::vector<TunnelEnd> results(kTunnels);
    std::vector<int64_t> received(kTunnels);
    std::vector<std::thread> threads;
    Scope scope(loop);
    for (size_t i = 0; i < kTunnels; ++i) {
      ends.push_back(std::make_unique<Ends>(loop));
      Ends& mine = *ends.back();
      tunnels.push_back(
          std::make_unique<Tunnel>(loop, mine.client_stream, mine.upstream_stream, TunnelSettings{}));
      scope.spawn(run_into(*tunnels.back(), results[i]));
      threads.emplace_back(send_all, mine.client.get(), i, kEach);
      threads.emplace_back([&mine, &received, i] {
        received[i] = receive_all(mine.upstream.get(), i);
        shutdown(mine.upstream.get(), SHUT_WR);
      });
    }
    co_await scope.join();
    for (std::thread& thread : threads) thread.join();
    for (size_t i = 0; i < kTunnels; ++i) {
      CHECK(results[i].reason == Reason::finished);
      CHECK(received[i] == kEach);
      co_await ends[i]->close_streams();
    }
  });
}

TEST_CASE("only a connection is adopted") {
  Loop loop;
  auto listening = open_listening(kAnyPort, 1);
  CHECK(adopt(loop, std::move(listening->front())).error().code == Errc::invalid);
  CHECK(adopt(loop, Descriptor(socket(AF_INET, SOCK_DGRAM, 0))).error().code == Errc::invalid);
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const Descriptor other(ends[1]);
  CHECK(adopt(loop, Descriptor(ends[0])).error().code == Errc::invalid);
}

TEST_CASE("a tunnel joins TCP and a Unix socket") {
  run([](Loop& loop) -> Task<> {
    constexpr size_t kTotal = 50 << 20;
    auto [client, inner_client] = tcp_pair();
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    const Descriptor server(ends[0]);
    Stream client_stream = std::move(*adopt(loop, std::move(inner_client)));
    Stream server_stream = std::move(*adopt(loop, Descriptor(ends[1])));
    Tunnel tunnel(loop, client_stream, server_stream, {});
    TunnelEnd end;
    Scope scope(loop);
    scope.spawn(run_into(tunnel, end));
    int64_t up = 0;
    int64_t down = 0;
    std::thread threads[] = {std::thread(send_all, client.get(), 1, kTotal),
                             std::thread(send_all, server.get(), 2, kTotal),
                             std::thread([&, fd = server.get()] { up = receive_all(fd, 1); }),
                             std::thread([&, fd = client.get()] { down = receive_all(fd, 2); })};
    co_await scope.join();
    client_stream.close();
    server_stream.close();
    co_await yield();
    for (std::thread& thread : threads) thread.join();
    CHECK(up == kTotal);
    CHECK(down == kTotal);
    CHECK(end.reason == Reason::finished);
  });
}
