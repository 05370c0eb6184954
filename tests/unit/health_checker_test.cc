#include "pkg/health/checker.hh"

#include <catch2/catch.hpp>

#include "tests/unit/aio_run.hh"
#include "tests/unit/health_server.hh"

using namespace weir;
using namespace weir::aio;
using namespace weir::health;
using namespace std::chrono_literals;
using test::Server;

namespace {

std::shared_ptr<const CheckSettings> http(Duration interval, Duration timeout = 10s) {
  auto settings = std::make_shared<CheckSettings>();
  settings->kind = CheckKind::http;
  settings->interval = interval;
  settings->timeout = timeout;
  return settings;
}

struct Heard {
  std::map<std::string, size_t> good;
  std::map<std::string, size_t> bad;
  Checker::OnVerdict listen() {
    return [this](const std::string& id, const Verdict& verdict) { ++(verdict.healthy ? good : bad)[id]; };
  }
};

const std::string kFine = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const std::string kBroken = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";

std::vector<Probe> probes(const std::vector<std::string>& ids, const Address& server,
                          const std::shared_ptr<const CheckSettings>& settings) {
  std::vector<Probe> out;
  for (const std::string& id : ids) out.push_back({id, server, settings});
  return out;
}

const std::vector<std::string> kOne{"a"};
const std::vector<std::string> kTwo{"a", "b"};
const std::vector<std::string> kMany{"a", "b", "c", "d", "e", "f", "g"};

}  // namespace

TEST_CASE("every target is checked again and again, and its changes are heard") {
  run([](Loop& loop) -> Task<> {
    Server server(loop);
    server.answer = kFine;
    Heard heard;
    Checker checker(loop, 10, heard.listen());
    checker.set(probes(kTwo, server.address, http(2ms)));
    CHECK(checker.size() == 2);
    CHECK(heard.good.empty());  // nothing from within set()
    while (heard.good["a"] < 3 || heard.good["b"] < 3) co_await sleep_until(loop.in(1ms));
    CHECK(heard.bad.empty());
    server.answer = kBroken;
    while (heard.bad["a"] < 2 || heard.bad["b"] < 2) co_await sleep_until(loop.in(1ms));
    co_await checker.close();
    co_await server.end();
  });
}

TEST_CASE("no more checks than allowed are under way at a time, and all get their turn") {
  run([](Loop& loop) -> Task<> {
    Server server(loop);
    server.then = Server::Then::hang;
    Heard heard;
    Checker checker(loop, 2, heard.listen());
    checker.set(probes(kMany, server.address, http(1h, 15ms)));
    while (server.connections < 2) co_await sleep_until(loop.in(1ms));
    CHECK(checker.waiting() == 5);
    while (heard.bad.size() < kMany.size()) co_await sleep_until(loop.in(1ms));
    CHECK(server.most_open <= 4);  // the server may see two begin before it sees two end
    CHECK(checker.waiting() == 0);
    co_await checker.close();
    co_await server.end();
  });
}

TEST_CASE("what is set anew stays as it is, is checked at once, or is heard of no more") {
  run([](Loop& loop) -> Task<> {
    Server server(loop);
    server.answer = kFine;
    Heard heard;
    Checker checker(loop, 10, heard.listen());
    checker.set(probes(kOne, server.address, http(1h)));
    while (heard.good["a"] < 1) co_await sleep_until(loop.in(1ms));
    checker.set(probes(kTwo, server.address, http(1h)));  // equal settings, in another place
    while (heard.good["b"] < 1) co_await sleep_until(loop.in(1ms));
    CHECK(heard.good["a"] == 1);
    checker.set(probes(kTwo, server.address, http(2h)));
    while (heard.good["a"] < 2 || heard.good["b"] < 2) co_await sleep_until(loop.in(1ms));
    server.then = Server::Then::hang;
    server.answer.clear();
    checker.set(probes(kOne, server.address, http(1ms)));
    while (server.open < 1) co_await sleep_until(loop.in(1ms));
    checker.set({});  // while its check is under way
    CHECK(checker.size() == 0);
    while (server.open > 0) co_await sleep_until(loop.in(1ms));
    CHECK(heard.good["a"] == 2);
    CHECK(heard.good["b"] == 2);
    CHECK(heard.bad.empty());
    co_await checker.close();
    co_await server.end();
  });
}

TEST_CASE("places that cancelled checks held or waited for are given on") {
  run([](Loop& loop) -> Task<> {
    Server server(loop);
    server.then = Server::Then::hang;
    Heard heard;
    Checker checker(loop, 1, heard.listen());
    for (int i = 0; i < 20; ++i) {
      checker.set(probes(kMany, server.address, http(1h)));
      while (checker.waiting() < kMany.size() - 1) co_await sleep_until(loop.in(1ms));
      checker.set({});
    }
    server.then = Server::Then::close;
    server.answer = kFine;
    checker.set(probes(kMany, server.address, http(1h)));
    while (heard.good.size() < kMany.size()) co_await sleep_until(loop.in(1ms));
    co_await checker.close();
    co_await server.end();
  });
}

TEST_CASE("a verdict may change the set, and no check is no probe") {
  run([](Loop& loop) -> Task<> {
    Server server(loop);
    server.answer = kFine;
    std::vector<std::string> heard;
    Checker* reached = nullptr;
    Checker checker(loop, 10, [&](const std::string& id, const Verdict&) {
      heard.push_back(id);
      if (id == "a") {
        std::vector<Probe> next(1);
        next[0].id = "b";
        next[0].server = server.address;
        next[0].settings = http(1h);
        reached->set(next);
      }
    });
    reached = &checker;
    checker.set(probes(kOne, server.address, http(1ms)));
    while (heard.size() < 2) co_await sleep_until(loop.in(1ms));
    CHECK(heard == std::vector<std::string>(kTwo));
    checker.set(probes(kTwo, server.address, std::make_shared<CheckSettings>()));
    CHECK(checker.size() == 0);
    co_await checker.close();
    co_await server.end();
  });
}

TEST_CASE("jitter shortens an interval by no more than its part") {
  run([](Loop& loop) -> Task<> {
    Server server(loop);
    server.answer = kFine;
    auto settings = std::make_shared<CheckSettings>(*http(20ms));
    settings->jitter = 0.5;
    size_t heard = 0;
    Checker checker(
        loop, 10, [&](const std::string&, const Verdict&) { ++heard; }, Random(7));
    const uint64_t begin = loop.now_tick();
    checker.set(probes(kOne, server.address, settings));
    while (heard < 8) co_await sleep_until(loop.in(1ms));
    CHECK(loop.now_tick() - begin >= 7 * 10);
    co_await checker.close();
    co_await server.end();
  });
}
