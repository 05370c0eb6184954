#include "pkg/gateway/split.hh"

#include <catch2/catch.hpp>

#include "tests/unit/gateway_fields.hh"

using namespace weir;
using namespace weir::gateway;

namespace {

const IpAddress kClient = *IpAddress::parse("192.0.2.1");

struct Made {
  metrics::Registry metrics;
  SplitRegistry registry{metrics};
  Random random{1};
  std::shared_ptr<Split> split;

  explicit Made(SplitSection section) : split(make(section)) {}

  std::shared_ptr<Split> make(const SplitSection& section) {
    std::map<std::string, std::shared_ptr<Upstream>, std::less<>> upstreams;
    for (const auto& [name, weight] : section.weights) {
      upstreams[name] = std::make_shared<Upstream>();
      upstreams[name]->name = name;
    }
    return *registry.make("shop", section, std::move(upstreams));
  }
  std::string ask(const http::FieldList& of = {}, const IpAddress& client = kClient) {
    return split->choose(client, "/", of, random)->name;
  }
  int count(std::string_view upstream, int requests) {
    int hits = 0;
    for (int i = 0; i < requests; ++i) hits += ask() == upstream ? 1 : 0;
    return hits;
  }
};

SplitSection weights(uint64_t blue, uint64_t green) {
  SplitSection section;
  section.weights = {{"blue", blue}, {"green", green}};
  return section;
}

}  // namespace

TEST_CASE("upstreams of a split get their parts") {
  Made made(weights(3, 1));
  const int blue = made.count("blue", 4000);
  CHECK(blue > 2800);
  CHECK(blue < 3200);
  Made all(weights(1, 0));
  CHECK(all.count("blue", 1000) == 1000);
}

TEST_CASE("a header field or a cookie forces an upstream, even one of weight zero") {
  SplitSection section = weights(1, 0);
  section.force_header = "X-Version";
  section.force_cookie = "version";
  Made made(section);
  CHECK(made.ask(fields({{"X-Version", "green"}})) == "green");
  CHECK(made.ask(fields({{"Cookie", "version=green"}})) == "green");
  CHECK(made.ask(fields({{"X-Version", "blue"}, {"Cookie", "version=green"}})) == "blue");
}

TEST_CASE("what names no upstream of the split forces nothing") {
  SplitSection section = weights(1, 0);
  section.force_header = "X-Version";
  section.force_cookie = "version";
  Made made(section);
  CHECK(made.ask(fields({{"X-Version", "red"}})) == "blue");
  CHECK(made.ask(fields({{"X-Version", "red"}, {"Cookie", "version=green"}})) == "green");
}

TEST_CASE("without names of such fields clients cannot force anything") {
  Made made(weights(1, 0));
  CHECK(made.ask(fields({{"", "green"}, {"Cookie", "=green"}})) == "blue");
}

TEST_CASE("a sticky client stays with its upstream, and clients are spread") {
  SplitSection section = weights(1, 1);
  section.sticky_key = "ip";
  Made made(section);
  int blue = 0;
  for (int i = 0; i < 200; ++i) {
    const IpAddress client = *IpAddress::parse("192.0.2." + std::to_string(i));
    const std::string first = made.ask({}, client);
    for (int again = 0; again < 5; ++again) CHECK(made.ask({}, client) == first);
    blue += first == "blue" ? 1 : 0;
  }
  CHECK(blue > 60);
  CHECK(blue < 140);
}

TEST_CASE("clients that move when weights change move to the upstream that gains") {
  SplitSection section = weights(1, 1);
  section.sticky_key = "ip";
  Made made(section);
  std::map<int, std::string> before;
  const auto client = [](int i) { return *IpAddress::parse("192.0.2." + std::to_string(i)); };
  for (int i = 0; i < 200; ++i) before[i] = made.ask({}, client(i));
  SplitSection more = section;
  more.weights["green"] = 3;
  made.split = made.make(more);
  made.split->apply();
  for (int i = 0; i < 200; ++i) {
    if (before[i] == "green") CHECK(made.ask({}, client(i)) == "green");
  }
}

TEST_CASE("a reload keeps weights that were set by hand unless the config's own have changed") {
  Made made(weights(1, 1));
  REQUIRE(made.split->state->weights.switch_to("green"));
  made.split = made.make(weights(1, 1));
  made.split->apply();
  CHECK(made.count("green", 100) == 100);
  made.split = made.make(weights(1, 0));
  made.split->apply();
  CHECK(made.count("blue", 100) == 100);
}
