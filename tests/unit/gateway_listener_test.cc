#include "pkg/gateway/listener.hh"

#include <catch2/catch.hpp>

using namespace weir;
using namespace weir::gateway;
using Refusal = Listener::Refusal;

namespace {

constexpr limit::Time kSecond = 1'000'000'000;
constexpr limit::Time kNow = 1'000'000 * kSecond;

Peer peer(std::string_view address) {
  return {*IpAddress::parse(address)};
}

Destination to(const std::string& name) {
  const auto upstream = std::make_shared<Upstream>();
  upstream->name = name;
  return {upstream, nullptr};
}

struct Made {
  limit::State limits{Bytes{1 << 20}, Bytes{1 << 20}};
  Listener listener;

  Made() { listener.state = std::make_shared<ListenerState>(); }
  Refusal admit(std::string_view address, limit::Time now = kNow) {
    return listener.admit(peer(address), now);
  }
  void set_rate(std::string_view rate) {
    const limit::Policy policy{"listener", limit::Algorithm::token_bucket, *limit::Rate::parse(rate)};
    listener.rate = std::move(*limit::Limiter::make(policy, limits));
  }
  std::string find(std::string_view server_name) {
    const Destination* found = listener.find(server_name);
    return found == nullptr ? "" : found->name();
  }
};

}  // namespace

TEST_CASE("a listener without rules lets everyone in") {
  Made made;
  CHECK(made.admit("192.0.2.1") == Refusal::none);
  CHECK(made.admit("::1") == Refusal::none);
}

TEST_CASE("an allow list lets only its own in, and deny holds even so") {
  Made made;
  made.listener.settings.allow = {*Cidr::parse("10.0.0.0/8"), *Cidr::parse("2001:db8::/32")};
  made.listener.settings.deny = {*Cidr::parse("10.1.0.0/16")};
  CHECK(made.admit("10.0.0.1") == Refusal::none);
  CHECK(made.admit("2001:db8::1") == Refusal::none);
  CHECK(made.admit("10.1.0.1") == Refusal::denied);
  CHECK(made.admit("192.0.2.1") == Refusal::denied);
}

TEST_CASE("a client on a Unix socket has no address to be denied by") {
  Made made;
  made.listener.settings.allow = {*Cidr::parse("10.0.0.0/8")};
  CHECK(made.listener.admit({.address = {}, .has_address = false}, kNow) == Refusal::none);
}

TEST_CASE("exactly max_connections have room, and one that ends makes room") {
  Made made;
  made.listener.settings.max_connections = 2;
  const Admission first(made.listener.state);
  CHECK(made.admit("192.0.2.1") == Refusal::none);
  {
    const Admission second(made.listener.state);
    CHECK(made.admit("192.0.2.1") == Refusal::none);
    const Admission third(made.listener.state);
    CHECK(made.admit("192.0.2.1") == Refusal::full);
  }
  const Admission next(made.listener.state);
  CHECK(made.admit("192.0.2.1") == Refusal::none);
}

TEST_CASE("each address may open so many connections, and an IPv6 network counts as one") {
  Made made;
  made.set_rate("2/second");
  for (const std::string_view address : {"192.0.2.1", "192.0.2.2"}) {
    CHECK(made.admit(address) == Refusal::none);
    CHECK(made.admit(address) == Refusal::none);
    CHECK(made.admit(address) == Refusal::rate);
  }
  CHECK(made.admit("2001:db8::1") == Refusal::none);
  CHECK(made.admit("2001:db8::2") == Refusal::none);
  CHECK(made.admit("2001:db8::3") == Refusal::rate);
  CHECK(made.admit("2001:db8:0:1::1") == Refusal::none);
  CHECK(made.admit("192.0.2.1", kNow + kSecond) == Refusal::none);
}

TEST_CASE("who is denied uses up nothing of the rate") {
  Made made;
  made.set_rate("1/hour");
  made.listener.settings.deny = {*Cidr::parse("192.0.2.1")};
  CHECK(made.admit("192.0.2.1") == Refusal::denied);
  made.listener.settings.deny.clear();
  CHECK(made.admit("192.0.2.1") == Refusal::none);
}

TEST_CASE("a refusal is counted by its reason") {
  metrics::Registry registry;
  Made made;
  made.listener.metrics = make_listener_metrics(registry, "web");
  made.listener.settings.deny = {*Cidr::parse("192.0.2.1")};
  CHECK_FALSE(made.listener.let_in(peer("192.0.2.1"), kNow));
  CHECK(made.listener.let_in(peer("192.0.2.2"), kNow));
  CHECK(made.listener.metrics->denied->total() == 1);
  CHECK(made.listener.metrics->full->total() == 0);
}

TEST_CASE("a TLS name goes where it is named, else to the nearest wildcard, else to the upstream") {
  Made made;
  made.listener.by_name["a.example"] = to("exact");
  made.listener.by_name[".example"] = to("wide");
  made.listener.by_name[".b.example"] = to("nearer");
  CHECK(made.find("a.example") == "exact");
  CHECK(made.find("x.example") == "wide");
  CHECK(made.find("x.y.example") == "wide");
  CHECK(made.find("x.b.example") == "nearer");
  CHECK(made.find("b.example") == "wide");
  CHECK(made.find("example").empty());
  CHECK(made.find("a.example.org").empty());
  made.listener.destination = to("rest");
  CHECK(made.find("a.example.org") == "rest");
  CHECK(made.find("") == "rest");
}
