#include "pkg/http/client.hh"

#include <catch2/catch.hpp>

#include "pkg/aio/listener.hh"
#include "pkg/aio/scope.hh"
#include "pkg/http/query.hh"
#include "pkg/http/server.hh"
#include "tests/unit/aio_run.hh"

using namespace weir;
using namespace weir::http;
using namespace std::chrono_literals;

namespace {

// Answers each connection by a script of what it sends for each request it has read; then it closes.
struct ScriptedServer {
  using Script = std::vector<std::string>;

  aio::Loop& loop;
  std::vector<Script> scripts;  // of the first connection, the second, …
  size_t connections = 0;
  std::string received = {};
  aio::Scope tasks{loop};
  std::unique_ptr<aio::Listener> listener = {};
  Endpoint endpoint = {};

  void listen() {
    auto sockets = aio::open_listening(*Address::parse_listen("127.0.0.1:0"), 1);
    REQUIRE(sockets);
    const Address address = *aio::local_address(sockets->front().get());
    endpoint = *Endpoint::parse("http://" + address.to_string());
    auto started = aio::Listener::start(loop, std::move(sockets->front()), [this](aio::Stream stream) {
      const size_t number = connections++;
      tasks.spawn(serve(std::move(stream), number < scripts.size() ? scripts[number] : Script{}));
    });
    REQUIRE(started);
    listener = std::make_unique<aio::Listener>(std::move(*started));
  }
  aio::Task<> serve(aio::Stream stream, Script script) {
    for (const std::string& answer : script) {
      while (stream.text().find("\r\n\r\n") == std::string_view::npos) {
        const bool has_more = co_await stream.more(loop.in(10s));
        if (!has_more) co_return;
      }
      received += stream.text();
      stream.consume(stream.text().size());
      const auto sent = co_await stream.write(answer, loop.in(10s));
      if (!sent) co_return;
    }
  }
  aio::Task<> end() {
    listener.reset();
    co_await tasks.close();
  }
};

ClientSettings settings_for(const ScriptedServer& server) {
  ClientSettings settings;
  settings.endpoint = server.endpoint;
  return settings;
}

ClientRequest request_of(Method method, std::string target = "/") {
  ClientRequest request;
  request.method = method;
  request.target = std::move(target);
  return request;
}

std::string with_length(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

TEST_CASE("an endpoint is a scheme and an address, and nothing behind it") {
  CHECK(Endpoint::parse("http://127.0.0.1:7420")->address.port == 7420);
  CHECK(Endpoint::parse("127.0.0.1:7420")->host == "127.0.0.1:7420");
  CHECK(Endpoint::parse("http://[::1]:80/")->address.ip.to_string() == "::1");
  CHECK(Endpoint::parse("https://locks.internal")->address.port == 443);
  CHECK(Endpoint::parse("HTTPS://locks.internal")->is_tls);
  CHECK(Endpoint::parse("http://locks.internal")->address.port == 80);
  CHECK(Endpoint::parse("unix:/run/x.sock")->address.kind == Address::Kind::unix_path);
  CHECK(Endpoint::parse("unix:/run/x.sock")->host == "localhost");
  CHECK(Endpoint::parse("https://a:1")->to_string() == "https://a:1");
  CHECK(Endpoint::parse("unix:/run/x.sock")->to_string() == "unix:/run/x.sock");
  for (const char* wrong : {"", "http://", "ftp://a", "http://a/b", "http://a?b", "http://user@a",
                            "http://a:b", "http://a:70000", "unix:"})
    CHECK_FALSE(Endpoint::parse(wrong));
}

TEST_CASE("what is not unreserved is percent-encoded") {
  CHECK(percent_encoded("a/b c+d\xc3\xbc~") == "a%2Fb%20c%2Bd%C3%BC~");
  CHECK(percent_encoded("a/b", true) == "a/b");
  CHECK(percent_decoded(percent_encoded("%41 &=#?")) == "%41 &=#?");
}

TEST_CASE("answers of all framings are read whole, over one connection while it lasts") {
  run([](aio::Loop& loop) -> aio::Task<> {
    ScriptedServer server{loop,
                          {{with_length("one"),
                            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n"
                            "Content-Type: text/x\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "2\r\ntw\r\n1\r\no\r\n0\r\n\r\n",
                            "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nuntil the end"},
                           {with_length("again")}}};
    server.listen();
    Client client(loop, settings_for(server));
    const auto one = co_await client.ask(request_of(Method::get), loop.in(10s));
    REQUIRE(one);
    CHECK(one->body == "one");
    const auto two = co_await client.ask(request_of(Method::get), loop.in(10s));
    REQUIRE(two);
    CHECK((two->status == 201 && two->body == "two" && two->content_type == "text/x"));
    const auto none = co_await client.ask(request_of(Method::delete_), loop.in(10s));
    REQUIRE(none);
    CHECK((none->status == 204 && none->body.empty()));
    const auto last = co_await client.ask(request_of(Method::get), loop.in(10s));
    REQUIRE(last);
    CHECK(last->body == "until the end");
    CHECK(server.connections == 1);
    const auto again = co_await client.ask(request_of(Method::get), loop.in(10s));
    REQUIRE(again);
    CHECK((again->body == "again" && server.connections == 2));
    client.close();
    co_await server.end();
  });
}

TEST_CASE("a request has its fields, and a body where it has a type") {
  run([](aio::Loop& loop) -> aio::Task<> {
    ScriptedServer server{loop, {{with_length(""), with_length("")}}};
    server.listen();
    ClientSettings settings = settings_for(server);
    settings.fields = "Authorization: Bearer x\r\n";
    Client client(loop, std::move(settings));
    ClientRequest request = request_of(Method::put, "/a?b");
    (void)co_await client.ask(request, loop.in(10s));
    CHECK(server.received == "PUT /a?b HTTP/1.1\r\nHost: " + server.endpoint.host +
                                 "\r\nUser-Agent: weir\r\nAuthorization: Bearer x\r\n\r\n");
    server.received.clear();
    request.content_type = "text/x";
    (void)co_await client.ask(request, loop.in(10s));
    CHECK(server.received.ends_with("Content-Type: text/x\r\nContent-Length: 0\r\n\r\n"));
    client.close();
    co_await server.end();
  });
}

// The server closes behind its first answer without a word of it: the client sees it only when it asks.
TEST_CASE("on a connection that was closed while idle only what is idempotent is asked again") {
  run([](aio::Loop& loop) -> aio::Task<> {
    ScriptedServer server{loop, {{with_length("a"), ""}, {with_length("b"), ""}, {with_length("c")}}};
    server.listen();
    Client client(loop, settings_for(server));
    (void)co_await client.ask(request_of(Method::get), loop.in(10s));
    const auto asked_again = co_await client.ask(request_of(Method::put), loop.in(10s));
    REQUIRE(asked_again);
    CHECK((asked_again->body == "b" && server.connections == 2));
    const auto not_again = co_await client.ask(request_of(Method::post), loop.in(10s));
    REQUIRE_FALSE(not_again);
    CHECK((not_again.error().code == Errc::closed && server.connections == 2));
    const auto later = co_await client.ask(request_of(Method::post), loop.in(10s));
    REQUIRE(later);
    CHECK(later->body == "c");
    client.close();
    co_await server.end();
  });
}

TEST_CASE("an answer that is cut, malformed or too long is an error, and the next request goes on") {
  run([](aio::Loop& loop) -> aio::Task<> {
    ScriptedServer server{loop,
                          {{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ncut"},
                           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"},
                           {"SSH-2.0-x\r\n\r\n"},
                           {with_length("much too long")},
                           {""},
                           {with_length("fine")}}};
    server.listen();
    ClientSettings settings = settings_for(server);
    settings.most_body = 8;
    Client client(loop, std::move(settings));
    for (const Errc expected : {Errc::closed, Errc::invalid, Errc::invalid, Errc::limit, Errc::closed}) {
      const auto answer = co_await client.ask(request_of(Method::get), loop.in(10s));
      REQUIRE_FALSE(answer);
      CHECK(answer.error().code == expected);
    }
    const auto fine = co_await client.ask(request_of(Method::get), loop.in(10s));
    REQUIRE(fine);
    CHECK(fine->body == "fine");
    client.close();
    co_await server.end();
  });
}

TEST_CASE("an answer that goes on is read piece by piece, and does not hold up the next request") {
  run([](aio::Loop& loop) -> aio::Task<> {
    ScriptedServer server{
        loop,
        {{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n", "3\r\ntwo\r\n0\r\n\r\n"},
         {with_length("next")}}};
    server.listen();
    Client client(loop, settings_for(server));
    const auto begun = co_await client.begin(request_of(Method::get), loop.in(10s));
    REQUIRE((begun && begun->body.empty()));
    const auto one = co_await client.read(loop.in(10s));
    REQUIRE((one && *one == "one"));
    const auto nothing = co_await client.read(loop.in(20ms));
    REQUIRE_FALSE(nothing);
    CHECK(nothing.error().code == Errc::timed_out);
    const auto next = co_await client.ask(request_of(Method::get), loop.in(10s));
    REQUIRE(next);
    CHECK((next->body == "next" && server.connections == 2));
    client.close();
    co_await server.end();
  });
}

TEST_CASE("nobody there is told as such") {
  run([](aio::Loop& loop) -> aio::Task<> {
    ClientSettings settings;
    settings.endpoint = *Endpoint::parse("unix:/nowhere/x.sock");
    Client client(loop, std::move(settings));
    const auto answer = co_await client.ask(request_of(Method::get), loop.in(10s));
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == Errc::not_found);
  });
}
