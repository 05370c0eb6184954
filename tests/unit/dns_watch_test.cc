#include "pkg/dns/watch.hh"

#include <catch2/catch.hpp>

#include "pkg/aio/scope.hh"
#include "tests/unit/aio_run.hh"
#include "tests/unit/dns_server.hh"

using namespace weir;
using namespace weir::aio;
using namespace weir::dns;
using namespace std::chrono_literals;

namespace {

// What a watch has told so far.
struct Told {
  std::vector<std::string> lists;
  std::vector<Errc> failures;
  WatchCalls calls() {
    return {[this](const Endpoints& endpoints) {
              std::string text;
              for (const Endpoint& e : endpoints) {
                text += e.address.to_string() + "/" + std::to_string(e.priority) + "/" +
                        std::to_string(e.weight) + " ";
              }
              lists.push_back(text);
            },
            [this](const Error& error) { failures.push_back(error.code); }};
  }
};

constexpr WatchSettings kFast{.minimum = 5ms, .maximum = 1h, .retry = 2ms, .timeout = 5s};
const Question kAddresses{Question::Kind::addresses, "app.test", 9000};
const Question kServices{Question::Kind::services, "_http._tcp.test", 0};

Task<> until_asked(Loop& loop, test::Server& server, size_t more) {
  const size_t enough = server.asked + more;
  while (server.asked < enough) co_await sleep_until(loop.in(1ms));
}

}  // namespace

TEST_CASE("a watch tells of the first list and of changes, not of the same in another order") {
  run([](Loop& loop) -> Task<> {
    test::Server server(loop);
    const std::vector<test::Record> one{test::address("10.0.0.1", 0), test::address("10.0.0.2", 0)};
    const std::vector<test::Record> turned{one[1], one[0]};
    const std::vector<test::Record> more{one[0], one[1], test::address("fd00::1", 0)};
    server.put("app.test", one);
    Resolver resolver(loop, server.settings());
    Told told;
    Scope scope(loop);
    scope.spawn(watch(resolver, kAddresses, kFast, told.calls()));
    co_await until_asked(loop, server, 6);
    server.put("app.test", turned);
    co_await until_asked(loop, server, 6);
    CHECK(told.lists == std::vector<std::string>{"10.0.0.1:9000/0/0 10.0.0.2:9000/0/0 "});
    server.put("app.test", more);
    co_await until_asked(loop, server, 6);
    CHECK(told.lists.size() == 2);
    CHECK(told.lists.back() == "10.0.0.1:9000/0/0 10.0.0.2:9000/0/0 [fd00::1]:9000/0/0 ");
    CHECK(told.failures.empty());
    co_await scope.close();
  });
}

TEST_CASE("a watch of services tells of weights, ports and addresses") {
  run([](Loop& loop) -> Task<> {
    test::Server server(loop);
    const std::vector<test::Record> target{test::address("10.0.0.1", 0)};
    const std::vector<test::Record> light{test::service(1, 1, 8000, "a.test", 0)};
    const std::vector<test::Record> heavy{test::service(1, 9, 8000, "a.test", 0)};
    server.put("a.test", target);
    server.put("_http._tcp.test", light);
    Resolver resolver(loop, server.settings());
    Told told;
    Scope scope(loop);
    scope.spawn(watch(resolver, kServices, kFast, told.calls()));
    co_await until_asked(loop, server, 4);
    server.put("_http._tcp.test", heavy);
    while (told.lists.size() < 2) co_await sleep_until(loop.in(1ms));
    CHECK(told.lists == std::vector<std::string>{"10.0.0.1:8000/1/1 ", "10.0.0.1:8000/1/9 "});
    co_await scope.close();
  });
}

TEST_CASE("failures are told, tried again soon, and leave the last list in force") {
  run([](Loop& loop) -> Task<> {
    test::Server server(loop);
    const std::vector<test::Record> one{test::address("10.0.0.1", 0)};
    Resolver resolver(loop, server.settings());
    Told told;
    Scope scope(loop);
    scope.spawn(watch(resolver, kAddresses, kFast, told.calls()));
    while (told.failures.size() < 2) co_await sleep_until(loop.in(1ms));
    CHECK(told.failures.front() == Errc::not_found);
    CHECK(told.lists.empty());
    server.put("app.test", one);
    while (told.lists.empty()) co_await sleep_until(loop.in(1ms));
    const size_t before = told.failures.size();
    server.failure = 2;
    while (told.failures.size() < before + 2) co_await sleep_until(loop.in(1ms));
    CHECK(told.failures.back() == Errc::refused);
    server.failure = 0;
    co_await until_asked(loop, server, 4);
    CHECK(told.lists.size() == 1);
    co_await scope.close();
  });
}

TEST_CASE("a long lifetime is waited for, but no longer than the maximum") {
  run([](Loop& loop) -> Task<> {
    test::Server server(loop);
    const std::vector<test::Record> one{test::address("10.0.0.1", 86400)};
    server.put("app.test", one);
    Resolver resolver(loop, server.settings());
    Told told;
    Scope scope(loop);
    WatchSettings settings = kFast;
    scope.spawn(watch(resolver, kAddresses, settings, told.calls()));
    while (told.lists.empty()) co_await sleep_until(loop.in(1ms));
    co_await sleep_until(loop.in(30ms));
    CHECK(server.asked == 2);  // A and AAAA, once
    co_await scope.close();

    settings.maximum = 10ms;
    scope.spawn(watch(resolver, kAddresses, settings, told.calls()));
    co_await until_asked(loop, server, 6);
    co_await scope.close();
  });
}

TEST_CASE("finding servers once gives the list or why there is none") {
  run([](Loop& loop) -> Task<> {
    test::Server server(loop);
    const std::vector<test::Record> one{test::address("10.0.0.1", 86400)};
    server.put("app.test", one);
    Resolver resolver(loop, server.settings());
    const auto found = co_await find(resolver, kAddresses, loop.in(10s));
    REQUIRE(found);
    CHECK(found->front().address.to_string() == "10.0.0.1:9000");
    CHECK(found->front().target == "app.test");
    const auto none = co_await find(resolver, kServices, loop.in(10s));
    CHECK(none.error().code == Errc::not_found);
  });
}
