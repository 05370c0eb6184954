// Against a DNS server that exists.

#include <netinet/in.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "pkg/aio/process.hh"
#include "pkg/aio/scope.hh"
#include "pkg/aio/socket.hh"
#include "pkg/base/random.hh"
#include "pkg/dns/resolver.hh"
#include "tests/unit/aio_run.hh"

using namespace weir;
using namespace weir::aio;
using namespace weir::dns;
using namespace std::chrono_literals;

namespace {

constexpr const char* kProgram = "/usr/sbin/dnsmasq";
constexpr int kCrowd = 300;  // addresses: more than a datagram holds

// Below the ports that the kernel gives to who asks for any, since dnsmasq must find it free a moment later,
// for TCP too.
Address free_address() {
  Random random;
  Address address = *Address::parse_listen("127.0.0.1:0");
  for (int i = 0; i < 100; ++i) {
    address.port = static_cast<uint16_t>(20000 + random.below(10000));
    sockaddr_storage storage;
    const socklen_t size = address.to_sockaddr(storage);
    const Descriptor datagrams(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const bool is_free = bind(datagrams.get(), reinterpret_cast<sockaddr*>(&storage), size) == 0;
    if (is_free && open_listening(address, 1)) return address;
  }
  FAIL("no free port");
  return address;
}

Command dnsmasq(uint16_t port) {
  Command command;
  command.argv = {kProgram,
                  "--keep-in-foreground",
                  "--conf-file=/dev/null",
                  "--pid-file=",
                  "--log-facility=-",
                  "--no-hosts",
                  "--no-resolv",
                  "--local=/test/",
                  "--user=",
                  "--bind-interfaces",
                  "--listen-address=127.0.0.1",
                  "--port=" + std::to_string(port),
                  "--local-ttl=9",
                  "--host-record=app.test,10.0.0.1,fd00::1,7",
                  "--host-record=app.test,10.0.0.2,7",
                  "--host-record=db.test,10.0.0.3,5",
                  "--cname=alias.test,db.test,3",
                  "--srv-host=_http._tcp.test,app.test,8001,1,20",
                  "--srv-host=_http._tcp.test,db.test,8002,2,30",
                  "--txt-record=words.test,hello"};
  for (int i = 0; i < kCrowd; ++i) {
    command.argv.push_back("--host-record=crowd.test,10.1." + std::to_string(i / 250) + "." +
                           std::to_string(i % 250 + 1));
  }
  return command;
}

Task<> serve(Loop& loop, uint16_t port) {
  const auto ended = co_await run_command(loop, dnsmasq(port), Deadline::never());
  if (ended) WARN("dnsmasq ended: " << ended->output);
}

Task<> until_ready(Resolver& resolver) {
  for (int i = 0; i < 100; ++i) {
    const auto found = co_await resolver.addresses("app.test", resolver.loop().in(10s));
    if (found) co_return;
    co_await sleep_until(resolver.loop().in(10ms));
  }
  FAIL("dnsmasq does not answer");
}

Task<> check_answers(Resolver& resolver, Loop& loop) {
  const auto app = co_await resolver.addresses("app.test", loop.in(10s));
  REQUIRE(app);
  CHECK(app->addresses.size() == 3);
  CHECK(app->ttl == 7s);
  const auto alias = co_await resolver.addresses("alias.test", loop.in(10s));
  REQUIRE(alias);
  CHECK(alias->addresses.front().to_string() == "10.0.0.3");
  CHECK(alias->ttl == 3s);
  const auto crowd = co_await resolver.addresses("crowd.test", loop.in(10s));
  REQUIRE(crowd);
  CHECK(crowd->addresses.size() == kCrowd);
  const auto services = co_await resolver.services("_http._tcp.test", loop.in(10s));
  REQUIRE(services);
  REQUIRE(services->services.size() == 2);
  CHECK(services->services[0].target == "app.test");
  CHECK(services->services[0].weight == 20);
  CHECK(services->services[0].addresses.size() == 3);
  CHECK(services->services[1].port == 8002);
  CHECK(services->ttl == 5s);
}

Task<> check_failures(Resolver& resolver, Loop& loop) {
  const auto nobody = co_await resolver.addresses("nobody.test", loop.in(10s));
  CHECK(nobody.error().code == Errc::not_found);
  const auto words = co_await resolver.addresses("words.test", loop.in(10s));
  CHECK(words.error().code == Errc::unavailable);
  const auto no_service = co_await resolver.services("app.test", loop.in(10s));
  CHECK(no_service.error().code == Errc::unavailable);
  const auto foreign = co_await resolver.addresses("elsewhere.example", loop.in(10s));
  CHECK(foreign.error().code == Errc::refused);
}

}  // namespace

TEST_CASE("dnsmasq is understood: addresses, aliases, services, long answers and refusals") {
  if (access(kProgram, X_OK) != 0) {
    WARN("not tested: there is no dnsmasq here (scripts/deps test)");
    return;
  }
  run([](Loop& loop) -> Task<> {
    const Address where = free_address();
    ResolverSettings settings{.servers = {}, .timeout = 1s, .tries = 2};
    settings.servers.push_back(where);
    Resolver resolver(loop, settings);
    Scope scope(loop);
    scope.spawn(serve(loop, where.port));
    co_await until_ready(resolver);
    co_await check_answers(resolver, loop);
    co_await check_failures(resolver, loop);
    co_await scope.close();
    const auto nobody_home = co_await resolver.addresses("app.test", loop.in(10s));
    // The kernel tells us that the port is closed, or does not.
    const Errc code = nobody_home.error().code;
    CHECK((code == Errc::refused || code == Errc::timed_out));
  });
}
