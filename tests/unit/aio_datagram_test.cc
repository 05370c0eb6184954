#include "pkg/aio/datagram.hh"

#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <set>

#include "pkg/aio/udp_sessions.hh"
#include "tests/unit/aio_run.hh"

using namespace weir;
using namespace weir::aio;
using namespace std::chrono_literals;

namespace {

Address at(std::string_view text) {
  return *Address::parse_listen(text);
}

Descriptor bound_socket(std::string_view where = "127.0.0.1:0") {
  auto sockets = open_datagram(at(where), 1);
  REQUIRE(sockets);
  return std::move(sockets->front());
}

DatagramSocket bound(Loop& loop, std::string_view where = "127.0.0.1:0") {
  auto socket = DatagramSocket::adopt(loop, bound_socket(where));
  REQUIRE(socket);
  return std::move(*socket);
}

Address address_of(const DatagramSocket& socket) {
  return *local_address(socket.descriptor());
}

DatagramSocket connected(Loop& loop, const Address& peer) {
  auto socket = DatagramSocket::connect(loop, peer);
  REQUIRE(socket);
  return std::move(*socket);
}

void send_text(DatagramSocket& socket, std::string_view text) {
  const Datagram datagram{{}, {}, text};
  CHECK(socket.send({&datagram, 1}).sent == 1);
}

// The text of the next datagram, or the name of what came instead.
Task<std::string> receive_text(Loop& loop, DatagramSocket& socket, DatagramBatch& batch) {
  const auto count = co_await socket.receive(batch, loop.in(5s));
  if (!count) co_return std::string(to_string(count.error().code));
  co_return std::string(batch.datagrams()[0].bytes);
}

// A server that answers each datagram with its name, a colon and what it got, until it is cancelled.
Task<> serve(DatagramSocket& socket, std::string name) {
  DatagramBatch batch;
  for (;;) {
    const auto count = co_await socket.receive(batch, Deadline::never());
    if (!count && count.error().code == Errc::cancelled) co_return;
    for (const Datagram& datagram : batch.datagrams()) {
      const std::string text = name + ":" + std::string(datagram.bytes);
      const Datagram answer{datagram.peer, datagram.local, text};
      socket.send({&answer, 1});
    }
  }
}

// Sessions over two servers that take turns.
struct Relay {
  Loop& loop;
  DatagramSocket first;
  DatagramSocket second;
  std::unique_ptr<UdpSessions> sessions;
  Address address;
  Scope scope{loop};
  std::vector<Address> servers;
  size_t chosen = 0;
  std::vector<Error> failures;
  size_t answered = 0;
  size_t ended = 0;
  size_t bytes_of_ended = 0;

  Relay(Loop& on, UdpSessions::Settings settings) : loop(on), first(bound(on)), second(bound(on)) {
    servers = {address_of(first), address_of(second)};
    Descriptor socket = bound_socket();
    address = *local_address(socket.get());
    UdpSessions::Hooks hooks;
    hooks.choose_server = [this](const Endpoint&) -> std::optional<UdpSessions::Choice> {
      if (servers.empty()) return std::nullopt;
      return UdpSessions::Choice{servers[chosen++ % servers.size()], nullptr};
    };
    hooks.on_first_answer = [this](const UdpSessions::Facts&) { ++answered; };
    hooks.on_failure = [this](const UdpSessions::Facts&, const Error& error) { failures.push_back(error); };
    hooks.on_end = [this](const UdpSessions::Facts& session) {
      ++ended;
      bytes_of_ended += session.bytes_to_server + session.bytes_to_client;
    };
    sessions = std::move(*UdpSessions::open(loop, std::move(socket), settings, std::move(hooks)));
    scope.spawn(sessions->run());
    scope.spawn(serve(first, "first"));
    scope.spawn(serve(second, "second"));
  }
};

template <typename Condition>
Task<> wait_until(Loop& loop, Condition is_so) {
  const Deadline end = loop.in(20s);
  while (!is_so() && loop.in(0s) < end) {
    const auto slept = co_await sleep_until(loop.in(1ms));
    if (!slept) co_return;
  }
}

}  // namespace

TEST_CASE("datagrams are received in batches, each with who sent it") {
  for (const std::string where : {"127.0.0.1:0", "[::1]:0"}) {
    run([where](Loop& loop) -> Task<> {
      DatagramSocket server = bound(loop, where);
      DatagramSocket client = connected(loop, address_of(server));
      std::vector<std::string> texts;
      for (int i = 0; i < 100; ++i) texts.push_back(std::to_string(i));
      texts.push_back("");
      texts.push_back(std::string(60'000, 'x'));
      std::vector<Datagram> datagrams;
      for (const std::string& text : texts) datagrams.push_back({{}, {}, text});
      CHECK(client.send(datagrams).sent == texts.size());
      DatagramBatch batch;
      size_t got = 0;
      size_t batches = 0;
      while (got < texts.size()) {
        const auto count = co_await server.receive(batch, loop.in(5s));
        REQUIRE(count);
        ++batches;
        for (const Datagram& datagram : batch.datagrams()) {
          CHECK(datagram.bytes == texts[got++]);
          CHECK(datagram.peer.to_address() == address_of(client));
        }
      }
      CHECK(batches <= 6);
      const auto late = co_await server.receive(batch, loop.in(5ms));
      CHECK(late.error().code == Errc::timed_out);
    });
  }
}

TEST_CASE("answers leave from the address that was written to") {
  for (const std::string where : {"0.0.0.0:0", "[::]:0"}) {
    run([where](Loop& loop) -> Task<> {
      DatagramSocket server = bound(loop, where);
      Scope scope(loop);
      scope.spawn(serve(server, "s"));
      DatagramBatch batch;
      for (const char* host : {"127.0.0.1", "127.1.2.3"}) {
        const Address target = at(host + (":" + std::to_string(address_of(server).port)));
        // A connected socket takes datagrams from just the address that it is connected to.
        DatagramSocket client = connected(loop, target);
        send_text(client, "x");
        const std::string answer = co_await receive_text(loop, client, batch);
        CHECK(answer == "s:x");
      }
      co_await scope.close();
    });
  }
}

TEST_CASE("what the kernel doesn't take is dropped and counted") {
  Loop loop;
  DatagramSocket server = bound(loop);
  DatagramSocket client = bound(loop);
  const std::string too_large(70'000, 'x');
  const Endpoint peer{address_of(server).ip, address_of(server).port};
  const Datagram datagrams[] = {{peer, {}, "a"}, {peer, {}, too_large}, {peer, {}, "b"}};
  const auto result = client.send(datagrams);
  CHECK(result.sent == 2);
  CHECK(result.dropped == 1);
  CHECK(result.error == EMSGSIZE);
}

TEST_CASE("a connected socket learns that nobody is there") {
  run([](Loop& loop) -> Task<> {
    auto gone = std::make_unique<DatagramSocket>(bound(loop));
    const Address address = address_of(*gone);
    gone.reset();
    DatagramSocket client = connected(loop, address);
    send_text(client, "x");
    DatagramBatch batch;
    const auto received = co_await client.receive(batch, loop.in(5s));
    CHECK(received.error().code == Errc::refused);
    const auto later = co_await client.receive(batch, loop.in(5ms));  // the socket can go on
    CHECK(later.error().code == Errc::timed_out);
  });
}

TEST_CASE("each client keeps its server, and gets its own answers") {
  run([](Loop& loop) -> Task<> {
    Relay relay(loop, {});
    DatagramBatch batch;
    constexpr size_t kClients = 100;
    std::vector<DatagramSocket> clients;
    std::vector<std::string> names;
    for (size_t i = 0; i < kClients; ++i) clients.push_back(connected(loop, relay.address));
    for (int round = 0; round < 3; ++round) {
      for (size_t i = 0; i < kClients; ++i) send_text(clients[i], std::to_string(i));
      for (size_t i = 0; i < kClients; ++i) {
        const std::string answer = co_await receive_text(loop, clients[i], batch);
        const size_t colon = answer.find(':');
        CHECK(answer.substr(colon + 1) == std::to_string(i));
        if (round == 0) names.push_back(answer.substr(0, colon));
        CHECK(answer.substr(0, colon) == names[i]);
      }
    }
    CHECK(std::set(names.begin(), names.end()).size() == 2);
    CHECK(relay.sessions->size() == kClients);
    CHECK(relay.sessions->counts().sessions == kClients);
    CHECK(relay.sessions->counts().to_server == 3 * kClients);
    CHECK(relay.sessions->counts().to_client == 3 * kClients);
    co_await relay.scope.close();
    CHECK(relay.sessions->size() == 0);
    CHECK(relay.ended == kClients);
  });
}

TEST_CASE("a session ends when nothing has passed for the idle timeout, and not before") {
  run([](Loop& loop) -> Task<> {
    Relay relay(loop, {.idle_timeout = 200ms, .most = 10});
    DatagramBatch batch;
    DatagramSocket busy = connected(loop, relay.address);
    DatagramSocket quiet = connected(loop, relay.address);
    send_text(busy, "x");
    const std::string first = co_await receive_text(loop, busy, batch);
    send_text(quiet, "x");
    const std::string second = co_await receive_text(loop, quiet, batch);
    CHECK(first == "first:x");
    CHECK(second == "second:x");
    const Deadline end = loop.in(5s);
    while (relay.ended == 0 && loop.in(0s) < end) {
      send_text(busy, "y");
      const std::string answer = co_await receive_text(loop, busy, batch);
      CHECK(answer == "first:y");
    }
    CHECK(relay.sessions->size() == 1);
    const auto all_ended = [&] { return relay.ended == 2; };
    co_await wait_until(loop, all_ended);
    CHECK(relay.sessions->size() == 0);
    co_await relay.scope.close();
  });
}

TEST_CASE("what a session has carried is told when it ends") {
  run([](Loop& loop) -> Task<> {
    Relay relay(loop, {});
    DatagramBatch batch;
    DatagramSocket client = connected(loop, relay.address);
    for (int i = 0; i < 2; ++i) {
      send_text(client, "abc");
      const std::string answer = co_await receive_text(loop, client, batch);
      CHECK(answer == "first:abc");
    }
    co_await relay.scope.close();
    CHECK(relay.answered == 1);
    CHECK(relay.ended == 1);
    CHECK(relay.bytes_of_ended == 2 * (3 + 9));
  });
}

TEST_CASE("draining takes nothing new, passes on what servers still send, and ends in their silence") {
  run([](Loop& loop) -> Task<> {
    Relay relay(loop, {});
    DatagramSocket slow = bound(loop);
    relay.servers = {address_of(slow)};
    DatagramBatch batch;
    DatagramSocket client = connected(loop, relay.address);
    DatagramSocket late = connected(loop, relay.address);
    send_text(client, "x");
    const auto asked = co_await slow.receive(batch, loop.in(5s));
    REQUIRE(asked);
    const Endpoint from = batch.datagrams()[0].peer;
    relay.sessions->drain(200ms);
    send_text(late, "y");
    const Datagram answer{from, {}, "answer"};
    CHECK(slow.send({&answer, 1}).sent == 1);
    const std::string received = co_await receive_text(loop, client, batch);
    CHECK(received == "answer");
    const auto ended = [&] { return relay.ended == 1; };
    co_await wait_until(loop, ended);
    CHECK(relay.sessions->counts().sessions == 1);
    CHECK(relay.sessions->size() == 0);
    co_await relay.scope.close();
  });
}

TEST_CASE("beyond the limit new clients are refused and sessions go on") {
  run([](Loop& loop) -> Task<> {
    Relay relay(loop, {.idle_timeout = 1h, .most = 2});
    DatagramBatch batch;
    std::vector<DatagramSocket> clients;
    for (int i = 0; i < 3; ++i) clients.push_back(connected(loop, relay.address));
    for (int i = 0; i < 2; ++i) {
      send_text(clients[i], "x");
      const std::string answer = co_await receive_text(loop, clients[i], batch);
      CHECK(answer.ends_with(":x"));
    }
    send_text(clients[2], "x");
    const auto refused = [&] { return relay.sessions->counts().refused == 1; };
    co_await wait_until(loop, refused);
    CHECK(refused());
    send_text(clients[0], "y");
    const std::string answer = co_await receive_text(loop, clients[0], batch);
    CHECK(answer == "first:y");
    CHECK(relay.sessions->size() == 2);
    co_await relay.scope.close();
  });
}

TEST_CASE("without a server to choose a datagram is refused") {
  run([](Loop& loop) -> Task<> {
    Relay relay(loop, {});
    relay.servers.clear();
    DatagramSocket client = connected(loop, relay.address);
    send_text(client, "x");
    const auto refused = [&] { return relay.sessions->counts().refused == 1; };
    co_await wait_until(loop, refused);
    CHECK(relay.sessions->size() == 0);
    CHECK(relay.sessions->counts().sessions == 0);
    co_await relay.scope.close();
  });
}

TEST_CASE("a server that is not there is reported, and the client's next datagram chooses anew") {
  run([](Loop& loop) -> Task<> {
    Relay relay(loop, {});
    auto gone = std::make_unique<DatagramSocket>(bound(loop));
    relay.servers = {address_of(*gone), address_of(relay.second)};
    gone.reset();
    DatagramBatch batch;
    DatagramSocket client = connected(loop, relay.address);
    send_text(client, "lost");
    const auto ended = [&] { return relay.ended == 1; };
    co_await wait_until(loop, ended);
    REQUIRE(relay.failures.size() == 1);
    CHECK(relay.failures[0].code == Errc::refused);
    CHECK(relay.sessions->size() == 0);
    send_text(client, "again");
    const std::string answer = co_await receive_text(loop, client, batch);
    CHECK(answer == "second:again");
    co_await relay.scope.close();
  });
}

TEST_CASE("a server that vanishes under a burst ends each session once") {
  run([](Loop& loop) -> Task<> {
    Relay relay(loop, {});
    auto gone = std::make_unique<DatagramSocket>(bound(loop));
    relay.servers = {address_of(*gone)};
    gone.reset();
    DatagramSocket client = connected(loop, relay.address);
    for (int i = 0; i < 500; ++i) {
      send_text(client, "x");
      if (i % 50 == 0) co_await yield();
    }
    const auto quiet = [&] {
      const auto& counts = relay.sessions->counts();
      return relay.sessions->size() == 0 && counts.sessions > 0 && relay.ended == counts.sessions;
    };
    co_await wait_until(loop, quiet);
    CHECK(relay.failures.size() == relay.ended);
    CHECK(relay.sessions->counts().failures == relay.ended);
    co_await relay.scope.close();
  });
}
