#include "pkg/dns/resolver.hh"

#include <catch2/catch.hpp>

#include "pkg/aio/scope.hh"
#include "tests/unit/aio_run.hh"
#include "tests/unit/dns_server.hh"

using namespace weir;
using namespace weir::aio;
using namespace weir::dns;
using namespace std::chrono_literals;

namespace {

std::string text_of(const std::vector<IpAddress>& addresses) {
  std::string out;
  for (const IpAddress& ip : addresses) out += ip.to_string() + " ";
  return out;
}

template <typename T>
Errc code_of(const Result<T>& result) {
  REQUIRE_FALSE(result);
  return result.error().code;
}

void fill(test::Server& server) {
  server.put("app.test", {test::address("10.0.0.2", 30), test::address("10.0.0.1", 7),
                          test::address("fd00::1", 60), test::address("10.0.0.2", 30)});
  server.put("four.test", {test::address("10.0.0.4", 5)});
  server.put("six.test", {test::address("fd00::6", 6)});
  server.put("_http._tcp.test",
             {test::service(20, 5, 8002, "six.test", 90), test::service(10, 3, 8001, "Four.Test", 90),
              test::service(10, 1, 8000, "gone.test", 90)});
  server.put("_none._tcp.test", {test::service(0, 0, 0, "", 90)});
  server.put("_gone._tcp.test", {test::service(1, 1, 80, "gone.test", 90)});
}

}  // namespace

TEST_CASE("a name's addresses of both kinds come sorted, each once, with the smallest lifetime") {
  run([](Loop& loop) -> Task<> {
    test::Server server(loop);
    fill(server);
    Resolver resolver(loop, server.settings());
    const auto both = co_await resolver.addresses("app.test", loop.in(10s));
    REQUIRE(both);
    CHECK(text_of(both->addresses) == "10.0.0.1 10.0.0.2 fd00::1 ");
    CHECK(both->ttl == 7s);
    CHECK_FALSE(both->cut);
    const auto four = co_await resolver.addresses("four.test", loop.in(10s));
    REQUIRE(four);
    CHECK(text_of(four->addresses) == "10.0.0.4 ");
    const auto six = co_await resolver.addresses("six.test", loop.in(10s));
    REQUIRE(six);
    CHECK(text_of(six->addresses) == "fd00::6 ");
    CHECK(six->ttl == 6s);
  });
}

TEST_CASE("names of the hosts file answer without a server") {
  run([](Loop& loop) -> Task<> {
    test::Server server(loop);
    server.silent = true;
    Resolver resolver(loop, server.settings());
    const auto found = co_await resolver.addresses("localhost", loop.in(10s));
    REQUIRE(found);
    CHECK(text_of(found->addresses).find("127.0.0.1") != std::string::npos);
    CHECK(server.asked == 0);
    Resolver of_the_system(loop);
    const auto again = co_await of_the_system.addresses("localhost", loop.in(10s));
    CHECK(again);
  });
}

TEST_CASE("services come with their targets' addresses, in the order of their priority") {
  run([](Loop& loop) -> Task<> {
    test::Server server(loop);
    fill(server);
    Resolver resolver(loop, server.settings());
    const auto found = co_await resolver.services("_http._tcp.test", loop.in(10s));
    REQUIRE(found);
    REQUIRE(found->services.size() == 3);
    const Service& first = found->services[0];
    CHECK(first.target == "four.test");
    CHECK(first.priority == 10);
    CHECK(first.weight == 3);
    CHECK(first.port == 8001);
    CHECK(text_of(first.addresses) == "10.0.0.4 ");
    CHECK(found->services[1].target == "gone.test");
    CHECK(found->services[1].addresses.empty());
    CHECK(text_of(found->services[2].addresses) == "fd00::6 ");
    CHECK(found->ttl == 5s);
  });
}

TEST_CASE("no such name, no data, failure, refusal and silence are told apart") {
  run([](Loop& loop) -> Task<> {
    test::Server server(loop);
    fill(server);
    ResolverSettings settings = server.settings();
    settings.timeout = 10ms;
    Resolver resolver(loop, settings);
    const auto no_name = co_await resolver.addresses("nobody.test", loop.in(10s));
    CHECK(code_of(no_name) == Errc::not_found);
    CHECK(no_name.error().message == "resolving nobody.test: no such name");
    const auto no_data = co_await resolver.addresses("_http._tcp.test", loop.in(10s));
    CHECK(code_of(no_data) == Errc::unavailable);
    const auto no_service = co_await resolver.services("app.test", loop.in(10s));
    CHECK(code_of(no_service) == Errc::unavailable);
    const auto none = co_await resolver.services("_none._tcp.test", loop.in(10s));
    CHECK(code_of(none) == Errc::unavailable);
    const auto gone = co_await resolver.services("_gone._tcp.test", loop.in(10s));
    CHECK(code_of(gone) == Errc::unavailable);
    server.failure = 2;
    const auto failed = co_await resolver.addresses("app.test", loop.in(10s));
    CHECK(code_of(failed) == Errc::refused);
    server.failure = 5;
    const auto refused = co_await resolver.services("_http._tcp.test", loop.in(10s));
    CHECK(code_of(refused) == Errc::refused);
    server.silent = true;
    const auto silent = co_await resolver.addresses("app.test", loop.in(10s));
    CHECK(code_of(silent) == Errc::timed_out);
    CHECK(silent.error().message == "resolving app.test: timed out");
  });
}

TEST_CASE("a question ends at its deadline, long before the server's own timeouts") {
  run([](Loop& loop) -> Task<> {
    test::Server server(loop);
    server.silent = true;
    ResolverSettings settings = server.settings();
    settings.timeout = 1h;
    Resolver resolver(loop, settings);
    const auto addresses = co_await resolver.addresses("app.test", loop.in(20ms));
    CHECK(code_of(addresses) == Errc::timed_out);
    const auto services = co_await resolver.services("_http._tcp.test", loop.in(20ms));
    CHECK(code_of(services) == Errc::timed_out);
  });
}

TEST_CASE("what is no name is said to be none, and nothing is asked") {
  run([](Loop& loop) -> Task<> {
    test::Server server(loop);
    Resolver resolver(loop, server.settings());
    const std::vector<std::string> bad{"", std::string("a\0b", 3), std::string(300, 'a'), "a..test",
                                       std::string(64, 'a') + ".test"};
    for (const std::string& name : bad) {
      const auto found = co_await resolver.addresses(name, loop.in(10s));
      CHECK(code_of(found) == Errc::invalid);
    }
    CHECK(server.asked == 0);
  });
}

TEST_CASE("questions are cancelled at once, also those about targets") {
  run([](Loop& loop) -> Task<> {
    test::Server server(loop);
    fill(server);
    server.silent = true;
    Resolver resolver(loop, server.settings());
    std::vector<Errc> codes;
    const auto ask_addresses = [](Resolver& on, Loop& at, std::vector<Errc>& out) -> Task<> {
      const auto found = co_await on.addresses("app.test", at.in(1h));
      out.push_back(code_of(found));
      const auto again = co_await on.addresses("app.test", at.in(1h));
      out.push_back(code_of(again));
    };
    const auto ask_services = [](Resolver& on, Loop& at, std::vector<Errc>& out) -> Task<> {
      const auto found = co_await on.services("_http._tcp.test", at.in(1h));
      out.push_back(code_of(found));
    };
    Scope scope(loop);
    scope.spawn(ask_addresses(resolver, loop, codes));
    scope.spawn(ask_services(resolver, loop, codes));
    while (server.asked < 3) co_await sleep_until(loop.in(1ms));
    co_await scope.close();
    CHECK(codes == std::vector<Errc>(3, Errc::cancelled));

    server.silent = false;
    server.ignore("four.test");
    codes.clear();
    Scope later(loop);
    const size_t asked = server.asked;
    later.spawn(ask_services(resolver, loop, codes));
    while (server.asked < asked + 7) co_await sleep_until(loop.in(1ms));  // for the list and three targets
    co_await later.close();
    CHECK(codes == std::vector<Errc>(1, Errc::cancelled));
  });
}

TEST_CASE("a service list whose targets cannot be asked for fails as a whole") {
  run([](Loop& loop) -> Task<> {
    test::Server server(loop);
    fill(server);
    Resolver resolver(loop, server.settings());
    server.fail("four.test", 2);
    const auto found = co_await resolver.services("_http._tcp.test", loop.in(10s));
    CHECK(code_of(found) == Errc::refused);
    CHECK(found.error().message.starts_with("resolving _http._tcp.test: resolving four.test: "));
  });
}
