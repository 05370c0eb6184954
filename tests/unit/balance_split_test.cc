// Splits between pools, canaries, and the tokens of sticky clients.

#include <catch2/catch.hpp>

#include "pkg/balance/canary.hh"
#include "pkg/balance/split.hh"
#include "pkg/balance/sticky_token.hh"

using namespace weir;
using namespace weir::balance;
using namespace std::chrono_literals;

namespace {

constexpr uint64_t kSeed = 5;
constexpr MonotonicTime kStart{1000h};

Split split(uint32_t blue, uint32_t green) {
  return *Split::make({{"blue", blue}, {"green", green}});
}

Recent::Summary seen(uint64_t requests, uint64_t failures, Duration p99) {
  return {.requests = requests, .failures = failures, .p99 = p99};
}

}  // namespace

TEST_CASE("a split is refused that nobody could mean") {
  CHECK(Split::make({}).error().message == "a split needs a pool whose weight is above zero");
  CHECK(Split::make({{"a", 0}}).error().code == Errc::invalid);
  CHECK(Split::make({{"a", 1}, {"a", 1}}).error().message == "pool \"a\" is twice in a split");
  CHECK(Split::make({{"", 1}}).error().code == Errc::invalid);
  CHECK(Split::make({{"a", 1'000'001}}).error().code == Errc::invalid);
}

TEST_CASE("each pool gets its share, drawn or by client") {
  const Split s = *Split::make({{"blue", 90}, {"green", 9}, {"canary", 1}, {"shadow", 0}});
  Random random(kSeed);
  std::vector<double> drawn(4), sticky(4);
  constexpr int kClients = 200'000;
  for (int i = 0; i < kClients; ++i) {
    drawn[s.choose(random)] += 1.0 / kClients;
    sticky[s.choose_sticky(random.next())] += 1.0 / kClients;
  }
  for (size_t i = 0; i < 4; ++i) {
    INFO(s.parts()[i].pool << " drawn " << drawn[i] << " sticky " << sticky[i]);
    CHECK(drawn[i] == Approx(s.share(i)).margin(0.002));
    CHECK(sticky[i] == Approx(s.share(i)).margin(0.002));
  }
  CHECK(drawn[3] + sticky[3] == 0);
  CHECK(s.find("shadow") == 3);
  CHECK_FALSE(s.find("red"));
}

TEST_CASE("a canary that grows takes clients from the others and moves nobody else") {
  Random random(kSeed);
  const std::vector<uint32_t> steps{0, 1, 5, 25, 50, 100};
  for (size_t step = 1; step < steps.size(); ++step) {
    const Split before = split(100 - steps[step - 1], steps[step - 1]);
    const Split after = split(100 - steps[step], steps[step]);
    int moved = 0;
    constexpr int kClients = 50'000;
    for (int i = 0; i < kClients; ++i) {
      const uint64_t client = random.next();
      const size_t was = before.choose_sticky(client);
      const size_t is = after.choose_sticky(client);
      REQUIRE((was == is || is == 1));
      moved += was != is ? 1 : 0;
    }
    CHECK(static_cast<double>(moved) / kClients ==
          Approx((steps[step] - steps[step - 1]) / 100.0).margin(0.006));
  }
}

TEST_CASE("a switch is one step, and so is the way back") {
  SplitSwitch traffic(split(100, 0));
  SplitSwitch::Reader reader(traffic.current());
  CHECK(traffic.roll_back().error().code == Errc::unavailable);
  CHECK(traffic.previous() == nullptr);
  CHECK(reader.get()->share(0) == 1);
  traffic.set(split(99, 1));
  CHECK(reader.get()->share(1) == 0.01);
  REQUIRE(traffic.switch_to("green"));
  CHECK(reader.get()->share(1) == 1);
  REQUIRE(traffic.roll_back());
  CHECK(reader.get()->share(1) == 0.01);
  CHECK(traffic.switch_to("red").error().message == "no pool \"red\" in the split");
  CHECK(reader.get()->share(1) == 0.01);
}

TEST_CASE("a canary is rolled back for errors or latency beyond margin and chance, and it is said why") {
  const CanaryRule rule{.error_margin = 0.02, .latency_factor = 2, .latency_margin = 10ms, .minimum = 100};
  struct Row {
    Recent::Summary baseline, canary;
    bool roll_back;
    std::string reason;
  };
  const auto row = GENERATE(values<Row>({
      {seen(9900, 10, 50ms), seen(99, 99, 50ms), false,
       "too few requests to judge: 99 of the canary, 9900 of the baseline"},
      {seen(0, 0, 0s), seen(500, 500, 50ms), false,
       "too few requests to judge: 500 of the canary, 0 of the baseline"},
      {seen(9900, 10, 50ms), seen(1000, 62, 50ms), true,
       "the canary fails in 6.2% of 1000 requests, the baseline in 0.1% of 9900 requests within 1m"},
      {seen(9900, 10, 50ms), seen(1000, 20, 50ms), false,
       "the canary fails in 2% of 1000 requests, the baseline in 0.1% of 9900 requests within 1m; the "
       "canary's "
       "p99 is 50ms, the baseline's 50ms within 1m"},
      {seen(100, 10, 50ms), seen(100, 15, 50ms), false, ""},  // may be chance
      {seen(9900, 990, 50ms), seen(9900, 1485, 50ms), true, ""},
      {seen(9900, 10, 50ms), seen(1000, 0, 120ms), true,
       "the canary's p99 is 120ms, the baseline's 50ms within 1m"},
      {seen(9900, 10, 2ms), seen(1000, 0, 8ms), false, ""},  // who would feel it
  }));
  const Verdict verdict = judge_canary(rule, row.baseline, row.canary);
  INFO(verdict.reason);
  CHECK(verdict.roll_back == row.roll_back);
  if (!row.reason.empty()) {
    CHECK(verdict.reason == row.reason);
  }
}

TEST_CASE("a watch judges what came within its window") {
  CanaryWatch watch({.minimum = 50, .window = 10s});
  MonotonicTime now = kStart;
  watch.evaluate(now);
  for (int i = 0; i < 1000; ++i) watch.record(false, true, 10ms);
  for (int i = 0; i < 100; ++i) watch.record(true, i % 10 != 0, 10ms);
  CHECK(watch.evaluate(now += 1s).roll_back);
  CHECK_FALSE(watch.evaluate(now += 20s).roll_back);
  for (int i = 0; i < 100; ++i) watch.record(true, false, 10ms);
  watch.clear();
  CHECK(watch.evaluate(now).reason.starts_with("too few requests"));
}

TEST_CASE("a sticky token names its member, and nobody can make one without the secret") {
  const StickySigner signer("0123456789abcdef", "web");
  const std::string token = signer.encode("10.0.0.1:8080");
  CHECK(token.find_first_not_of("0123456789abcdef.") == std::string::npos);
  CHECK(signer.decode(token) == "10.0.0.1:8080");
  CHECK(signer.decode(signer.encode("")) == "");
  CHECK_FALSE(StickySigner("0123456789abcdeg", "web").decode(token));
  CHECK_FALSE(StickySigner("0123456789abcdef", "api").decode(token));
  for (size_t i = 0; i < token.size(); ++i) {
    std::string forged = token;
    forged[i] = forged[i] == '0' ? '1' : '0';
    CHECK_FALSE(signer.decode(forged));
    CHECK_FALSE(signer.decode(token.substr(0, i)));
  }
  std::string upper = token;
  for (char& c : upper) c = static_cast<char>(toupper(c));
  CHECK_FALSE(signer.decode(upper));
  CHECK_FALSE(signer.decode(token + "0"));
  CHECK_FALSE(signer.decode(std::string(5000, '3')));
}
