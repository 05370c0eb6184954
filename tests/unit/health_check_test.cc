#include "pkg/health/check.hh"

#include <stdlib.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/unit/aio_run.hh"
#include "tests/unit/health_server.hh"

using namespace weir;
using namespace weir::aio;
using namespace weir::health;
using namespace std::chrono_literals;
using test::Server;

namespace {

CheckSettings http() {
  CheckSettings settings;
  settings.kind = CheckKind::http;
  settings.timeout = 10s;
  return settings;
}

CheckSettings http_with_body(std::string body) {
  CheckSettings settings = http();
  settings.body = std::move(body);
  return settings;
}

CheckSettings tcp() {
  CheckSettings settings;
  settings.kind = CheckKind::tcp;
  settings.timeout = 10s;
  return settings;
}

// An address where nobody listens.
Address nobody() {
  const auto sockets = open_listening(*Address::parse_listen("127.0.0.1:0"), 1);
  return *local_address(sockets->front().get());
}

struct Case {
  std::string answer;
  std::string reason;  // "" is healthy
};

// One server answers all cases in turn.
Task<> expect(Loop& loop, const CheckSettings& settings, const std::vector<Case>& cases, Server::Then then) {
  Server server(loop);
  server.then = then;
  for (const Case& one : cases) {
    INFO(one.answer);
    server.answer = one.answer;
    const Verdict verdict = co_await check(loop, settings, server.address);
    CHECK(verdict.reason == one.reason);
    CHECK(verdict.healthy == one.reason.empty());
    CHECK(verdict.latency > 0ns);
  }
  co_await server.end();
}

void run_cases(const CheckSettings& settings, const std::vector<Case>& cases,
               Server::Then then = Server::Then::close) {
  run([&](Loop& loop) -> Task<> { co_await expect(loop, settings, cases, then); });
}

const std::string kEarly = "the server closed before the end of its answer's ";

}  // namespace

TEST_CASE("a TCP check is content with a connection, and says why there is none") {
  run([](Loop& loop) -> Task<> {
    Server server(loop);
    const CheckSettings settings = tcp();
    const Verdict good = co_await check(loop, settings, server.address);
    CHECK(good.healthy);
    CHECK(good.reason.empty());
    const Verdict refused = co_await check(loop, settings, nobody());
    CHECK_FALSE(refused.healthy);
    CHECK(refused.reason == "connecting: Connection refused");
    const Verdict unknown = co_await check(loop, settings, *Address::parse_connect("app.test:80"));
    CHECK(unknown.reason == "no address is known for app.test:80");
    co_await server.end();
  });
}

TEST_CASE("an HTTP check asks for its path and names a host") {
  run([](Loop& loop) -> Task<> {
    Server server(loop);
    server.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    CheckSettings settings = http();
    const Verdict plain = co_await check(loop, settings, server.address);
    CHECK(plain.healthy);
    CHECK(server.request == "GET / HTTP/1.1\r\nHost: " + server.address.to_string() +
                                "\r\nUser-Agent: weir-health\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    settings.method = CheckMethod::head;
    settings.path = "/health?full=1";
    settings.host = "app.test";
    const Verdict named = co_await check(loop, settings, server.address);
    CHECK(named.healthy);
    CHECK(server.request.starts_with("HEAD /health?full=1 HTTP/1.1\r\nHost: app.test\r\n"));
    co_await server.end();
  });
}

TEST_CASE("servers behind a Unix socket are checked too") {
  run([](Loop& loop) -> Task<> {
    char folder[] = "/tmp/weir-test-XXXXXX";
    REQUIRE(mkdtemp(folder) != nullptr);
    const std::string path = std::string(folder) + "/s";
    Server server(loop, "unix:" + path);
    server.answer = "HTTP/1.1 204 No Content\r\n\r\n";
    const CheckSettings settings = http();
    const Verdict verdict = co_await check(loop, settings, server.address);
    CHECK(verdict.reason.empty());
    CHECK(server.request.starts_with("GET / HTTP/1.1\r\nHost: localhost\r\n"));
    co_await server.end();
    unlink(path.c_str());
    rmdir(folder);
  });
}

TEST_CASE("the status decides, and interim answers don't") {
  const std::string early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
  run_cases(http(), {{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", ""},  // the body is not waited for
                     {"HTTP/1.0 302 Found\r\n\r\n", ""},
                     {early + "HTTP/1.1 204 No Content\r\n\r\n", ""},
                     {early + "HTTP/1.1 500 Oops\r\n\r\n", "status 500, not 200-399"},
                     {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status 404, not 200-399"}});
  CheckSettings chosen = http();
  chosen.status = {{200, 200}, {401, 403}};
  run_cases(chosen, {{"HTTP/1.1 402 Pay\r\nContent-Length: 0\r\n\r\n", ""},
                     {"HTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n", "status 201, not 200, 401-403"}});
  std::string many;
  for (int i = 0; i < 9; ++i) many += early;
  run_cases(http(), {{many + "HTTP/1.1 200 OK\r\n\r\n", "too many interim answers"}});
}

TEST_CASE("what is not HTTP, or ends early, is told") {
  run_cases(http(), {{"SSH-2.0-OpenSSH_9.2\r\n", kEarly + "head"},
                     {"", kEarly + "head"},
                     {"HTTP/1.1 200 OK\r\nContent-", kEarly + "head"}});
  run([](Loop& loop) -> Task<> {
    Server server(loop);
    const CheckSettings settings = http();
    const std::vector<std::string> garbage{
        "HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n", std::string("\0\1\2\3", 4), "220 mail.test ESMTP\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: " + std::string(20000, 'x') + "\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"};
    for (const std::string& answer : garbage) {
      server.answer = answer;
      const Verdict verdict = co_await check(loop, settings, server.address);
      INFO(verdict.reason);
      CHECK_FALSE(verdict.healthy);
      CHECK(verdict.reason.starts_with("not an HTTP answer: "));
    }
    co_await server.end();
  });
}

TEST_CASE("a text is found in a body of every framing") {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const CheckSettings settings = http_with_body("ready");
  const std::string missing = "\"ready\" is not in the first 64KiB of the body";
  run_cases(settings, {{ok + "Content-Length: 12\r\n\r\nI am ready!!", ""},
                       {ok + "Content-Length: 7\r\n\r\nI am re", missing},
                       {ok + "Content-Length: 4\r\n\r\nreready", missing},  // behind the body's end
                       {ok + "\r\nI am ready", ""},
                       {ok + "\r\nI am not", missing},
                       {ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nrea\r\n2\r\ndy\r\n0\r\n\r\n", ""},
                       {ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", missing},
                       {ok + "Content-Length: 0\r\n\r\n", missing},
                       {ok + "Content-Length: 50\r\n\r\nI am rea", kEarly + "body"},
                       {ok + "Transfer-Encoding: chunked\r\n\r\n9\r\nrea", kEarly + "body"}});
  // Found without waiting for the rest.
  run_cases(settings,
            {{ok + "Content-Length: 500\r\n\r\nI am ready", ""},
             {ok + "\r\nI am ready", ""},
             {ok + "Transfer-Encoding: chunked\r\n\r\n99\r\nI am ready", ""}},
            Server::Then::hang);
}

TEST_CASE("a malformed chunk and a reset are told") {
  run([](Loop& loop) -> Task<> {
    Server server(loop);
    const CheckSettings settings = http_with_body("ready");
    server.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
    const Verdict chunk = co_await check(loop, settings, server.address);
    CHECK(chunk.reason.starts_with("a malformed body: "));
    server.answer.clear();
    server.then = Server::Then::reset;
    const Verdict reset = co_await check(loop, settings, server.address);
    CHECK(reset.reason == "reading: connection reset by peer");
    co_await server.end();
  });
}

TEST_CASE("a body is looked at only as far as asked for") {
  const std::string filler(100000, 'x');
  CheckSettings settings = http_with_body("ready");
  settings.body_within = Bytes{64 * 1024};
  const std::string head = "HTTP/1.1 200 OK\r\n\r\n";
  run_cases(settings,
            {{head + filler.substr(0, 65536 - 5) + "ready" + filler, ""},
             {head + filler.substr(0, 65536 - 4) + "ready" + filler,
              "\"ready\" is not in the first 64KiB of the body"}},
            Server::Then::hang);
}

TEST_CASE("a server that hangs fails at the timeout, wherever it hangs") {
  CheckSettings settings = http_with_body("ready");
  settings.timeout = 20ms;
  run_cases(settings,
            {{"", "reading: timed out"},
             {"HTTP/1.1 200 OK\r\n", "reading: timed out"},
             {"HTTP/1.1 100 Continue\r\n\r\n", "reading: timed out"},
             {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nrea", "reading: timed out"}},
            Server::Then::hang);
}

TEST_CASE("status ranges are read and written") {
  for (const char* good : {"200", "200-299", "599", "404-404"}) CHECK(StatusRange::parse(good));
  CHECK(StatusRange::parse("200-299")->to_string() == "200-299");
  CHECK(StatusRange::parse("404-404")->to_string() == "404");
  for (const char* bad :
       {"", "-", "99", "199", "600", "299-200", "200-", "-299", "2xx", "200-299-300", "+200"}) {
    INFO(bad);
    CHECK_FALSE(StatusRange::parse(bad));
  }
}
