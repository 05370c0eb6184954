#include "pkg/http/server.hh"

#include <sys/socket.h>

#include <catch2/catch.hpp>

#include "pkg/aio/connect.hh"
#include "pkg/aio/listener.hh"
#include "pkg/aio/scope.hh"
#include "tests/unit/aio_run.hh"

using namespace weir;
using namespace weir::http;
using namespace std::chrono_literals;

namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// A server with one handler, and a client of it.
struct Server {
  aio::Loop& loop;
  Handler handler;
  OpenStreams streams;
  ServerLimits limits = {};
  aio::Scope connections{loop};
  std::unique_ptr<aio::Listener> listener = {};
  Address address = {};

  void listen() {
    auto sockets = aio::open_listening(*Address::parse_listen("127.0.0.1:0"), 1);
    REQUIRE(sockets);
    address = *aio::local_address(sockets->front().get());
    auto started = aio::Listener::start(loop, std::move(sockets->front()), [this](aio::Stream stream) {
      connections.spawn(serve(loop, std::move(stream), handler, streams, limits));
    });
    REQUIRE(started);
    listener = std::make_unique<aio::Listener>(std::move(*started));
  }
  aio::Task<aio::Stream> ask(std::string request) {
    auto connected = co_await aio::connect(loop, address, loop.in(5s));
    REQUIRE(connected);
    aio::Stream client = std::move(*connected);
    const auto sent = co_await client.write(request, loop.in(5s));
    REQUIRE(sent);
    co_return std::move(client);
  }
  aio::Task<> end() {
    listener.reset();
    co_await connections.close();
  }
};

// All that comes until `last` has, or the server closes.
aio::Task<std::string> read_until(aio::Loop& loop, aio::Stream& client, std::string last) {
  while (!contains(client.text(), last)) {
    const auto received = co_await client.read_more(loop.in(10s));
    if (!received || *received == 0) break;
  }
  co_return std::string(client.text());
}

aio::Task<> produce_two(BodyWriter& out) {
  (void)co_await out.write("one");
  (void)co_await out.write("");
  (void)co_await out.write("two");
}

struct Endless {
  size_t written = 0;
  bool was_cancelled = false;
  Errc ended_by = Errc::internal;

  aio::Task<> produce(BodyWriter& out) {
    const std::string piece(16 * 1024, 'x');
    for (;;) {
      const auto sent = co_await out.write(piece);
      if (!sent) {
        ended_by = sent.error().code;
        break;
      }
      written += piece.size();
    }
    aio::TaskContext& me = co_await aio::this_task();
    was_cancelled = me.cancelled;
  }
  aio::Task<> idle(aio::Loop& loop, BodyWriter& out) {
    (void)co_await out.write("begun");
    const auto slept = co_await aio::sleep_until(loop.in(60s));
    was_cancelled = !slept;
  }
};

aio::Task<ServerResponse> respond(Producer producer) {
  ServerResponse response{.status = 200, .content_type = "text/event-stream"};
  response.producer = std::move(producer);
  co_return response;
}

constexpr const char* kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

}  // namespace

TEST_CASE("a produced answer is chunked, and the connection goes on") {
  run([](aio::Loop& loop) -> aio::Task<> {
    Server server{loop, [](const ServerRequest&) { return respond(produce_two); }, OpenStreams(4)};
    server.listen();
    auto client = co_await server.ask(std::string(kGet) + kGet);
    const std::string got = co_await read_until(loop, client, "0\r\n\r\nHTTP/1.1 200");
    CHECK(contains(got, "Transfer-Encoding: chunked\r\n"));
    CHECK_FALSE(contains(got, "Content-Length"));
    CHECK(contains(got, "\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\nHTTP/1.1 200 OK"));
    client.close();
    co_await server.end();
  });
}

TEST_CASE("a produced answer for HTTP/1.0 ends with the connection") {
  run([](aio::Loop& loop) -> aio::Task<> {
    Server server{loop, [](const ServerRequest&) { return respond(produce_two); }, OpenStreams(4)};
    server.listen();
    auto client = co_await server.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const std::string got = co_await read_until(loop, client, "never");
    CHECK(contains(got, "Connection: close\r\n"));
    CHECK(got.ends_with("\r\n\r\nonetwo"));
    client.close();
    co_await server.end();
  });
}

TEST_CASE("HEAD of a produced answer is its head only") {
  run([](aio::Loop& loop) -> aio::Task<> {
    Server server{loop, [](const ServerRequest&) { return respond(produce_two); }, OpenStreams(4)};
    server.listen();
    auto client = co_await server.ask("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const std::string got = co_await read_until(loop, client, "never");
    CHECK(got.ends_with("\r\n\r\n"));
    CHECK_FALSE(contains(got, "one"));
    client.close();
    co_await server.end();
  });
}

TEST_CASE("a producer is cancelled when its client leaves") {
  run([](aio::Loop& loop) -> aio::Task<> {
    Endless endless;
    Server server{loop,
                  [&](const ServerRequest&) {
                    return respond([&](BodyWriter& out) { return endless.idle(loop, out); });
                  },
                  OpenStreams(4)};
    server.listen();
    auto client = co_await server.ask(kGet);
    (void)co_await read_until(loop, client, "begun");
    CHECK(server.streams.count() == 1);
    client.close();
    co_await server.connections.join();
    CHECK(endless.was_cancelled);
    CHECK(server.streams.count() == 0);
    co_await server.end();
  });
}

TEST_CASE("a producer waits for its client, and gives up at the write timeout") {
  run([](aio::Loop& loop) -> aio::Task<> {
    Endless endless;
    Server server{
        loop,
        [&](const ServerRequest&) { return respond([&](BodyWriter& out) { return endless.produce(out); }); },
        OpenStreams(4)};
    server.limits.write_timeout = 50ms;
    server.listen();
    auto client = co_await server.ask(kGet);
    const int small = 4096;
    setsockopt(client.descriptor(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    // The client's own buffer takes 64 KiB, the kernel's the rest; nobody empties them.
    co_await server.connections.join();
    CHECK(endless.ended_by == Errc::timed_out);
    CHECK(endless.written < 8 * 1024 * 1024);
    client.close();
    co_await server.end();
  });
}

TEST_CASE("streams beyond the most are answered with 503") {
  run([](aio::Loop& loop) -> aio::Task<> {
    Endless endless;
    Server server{loop,
                  [&](const ServerRequest&) {
                    return respond([&](BodyWriter& out) { return endless.idle(loop, out); });
                  },
                  OpenStreams(1)};
    server.listen();
    auto first = co_await server.ask(kGet);
    (void)co_await read_until(loop, first, "begun");
    auto second = co_await server.ask(kGet);
    const std::string got = co_await read_until(loop, second, "streams");
    CHECK(got.starts_with("HTTP/1.1 503 "));
    first.close();
    second.close();
    co_await server.end();
  });
}

TEST_CASE("streams that are cancelled end their connections, without looking whole") {
  run([](aio::Loop& loop) -> aio::Task<> {
    Endless endless;
    Server server{loop,
                  [&](const ServerRequest&) {
                    return respond([&](BodyWriter& out) { return endless.idle(loop, out); });
                  },
                  OpenStreams(4)};
    server.listen();
    auto client = co_await server.ask(kGet);
    (void)co_await read_until(loop, client, "begun");
    server.streams.cancel();
    const std::string got = co_await read_until(loop, client, "never");
    CHECK(got.ends_with("5\r\nbegun\r\n"));
    client.close();
    co_await server.end();
  });
}

TEST_CASE("who expects 100 Continue gets it before the body") {
  run([](aio::Loop& loop) -> aio::Task<> {
    const auto echo = [](const ServerRequest& request) -> aio::Task<ServerResponse> {
      ServerResponse response;
      response.body = "got " + std::string(request.body);
      co_return response;
    };
    Server server{loop, echo, OpenStreams(4)};
    server.listen();
    auto client =
        co_await server.ask("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    const std::string told = co_await read_until(loop, client, "\r\n\r\n");
    CHECK(told == "HTTP/1.1 100 Continue\r\n\r\n");
    const auto sent = co_await client.write("hi", loop.in(5s));
    CHECK(sent);
    const std::string got = co_await read_until(loop, client, "got hi");
    CHECK(contains(got, "200 OK"));
    client.close();
    co_await server.end();
  });
}
