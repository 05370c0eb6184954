// The state machines of health, each by itself, on a virtual clock.

#include <catch2/catch.hpp>

#include "pkg/balance/active_health.hh"
#include "pkg/balance/latency_estimate.hh"
#include "pkg/balance/outlier.hh"
#include "pkg/balance/recent.hh"
#include "pkg/balance/slow_start.hh"

using namespace weir;
using namespace weir::balance;
using namespace std::chrono_literals;

namespace {

constexpr MonotonicTime kStart{1000h};

// The states after each result: 'U' up, 'd' down.
std::string play(ActiveHealth health, const ActiveSettings& settings, std::string_view results) {
  std::string out;
  for (const char result : results) {
    const bool was_up = health.is_up();
    const auto transition = health.report(result == 's', settings);
    const bool changed = transition != ActiveHealth::Transition::none;
    REQUIRE(changed == (was_up != health.is_up()));
    out.push_back(health.is_up() ? 'U' : 'd');
  }
  return out;
}

}  // namespace

TEST_CASE("a member falls after `fall` failures in a row and rises after `rise` successes") {
  const ActiveSettings settings{.rise = 2, .fall = 3};
  struct Row {
    std::string results, states;
  };
  const auto row = GENERATE(values<Row>({
      {"ff", "UU"},
      {"fff", "UUd"},
      {"ffsff", "UUUUU"},
      {"fffs", "UUdd"},
      {"fffss", "UUddU"},
      {"fffsfsfss", "UUddddddU"},
  }));
  CHECK(play(ActiveHealth(settings), settings, row.results) == row.states);
}

TEST_CASE("a member that does not start up is decided by its first check") {
  const ActiveSettings settings{.rise = 3, .fall = 3, .starts_up = false};
  CHECK(ActiveHealth(settings).is_unknown());
  CHECK(play(ActiveHealth(settings), settings, "s") == "U");
  CHECK(play(ActiveHealth(settings), settings, "fss") == "ddd");
  CHECK(play(ActiveHealth(settings), settings, "fsss") == "dddU");
}

TEST_CASE("checks are spread by their jitter and never outside of it") {
  Random random(3);
  const ActiveSettings settings{.interval = 10s, .jitter = 0.2};
  Duration least = 1h, most = 0s;
  for (int i = 0; i < 10'000; ++i) {
    const Duration delay = next_check(settings, random);
    least = std::min(least, delay);
    most = std::max(most, delay);
    const Duration first = first_check(settings, random);
    REQUIRE(first >= 0s);
    REQUIRE(first < 10s);
  }
  CHECK(least >= 8s);
  CHECK(least < 8050ms);
  CHECK(most <= 12s);
  CHECK(most > 11950ms);
}

TEST_CASE("slow start grows from its floor to the full weight") {
  const SlowStartSettings settings{.duration = 100s, .floor = 0.2};
  CHECK(slow_start_percent(settings, kStart, kStart) == 20);
  CHECK(slow_start_percent(settings, kStart, kStart + 50s) == 60);
  CHECK(slow_start_percent(settings, kStart, kStart + 99s) == 95);
  CHECK(slow_start_percent(settings, kStart, kStart + 100s) == 100);
  CHECK(slow_start_percent(settings, kStart, kStart - 1s) == 20);  // another thread's clock is behind
  CHECK(slow_start_percent({}, kStart, kStart) == 100);
  CHECK(slow_start_percent({.duration = 100s, .floor = 0}, kStart, kStart) == 5);
  int last = 0;
  for (int second = 0; second <= 100; ++second) {
    const int percent = slow_start_percent(settings, kStart, kStart + second * 1s);
    CHECK(percent >= last);
    last = percent;
  }
}

TEST_CASE("the cap on ejected members is a share, rounded down") {
  CHECK(most_ejected({.most_ejected = 0.5}, 1) == 0);
  CHECK(most_ejected({.most_ejected = 0.5}, 3) == 1);
  CHECK(most_ejected({.most_ejected = 0.1}, 10) == 1);
  CHECK(most_ejected({.most_ejected = 0.3}, 10) == 3);
  CHECK(most_ejected({.most_ejected = 2}, 10) == 10);
}

TEST_CASE("outliers are found by each rule, the worst first, and told why") {
  const OutlierSettings settings{.consecutive_errors = 5,
                                 .error_rate = 0.5,
                                 .latency_factor = 3,
                                 .latency_quantile = 0.9,
                                 .minimum = 20,
                                 .window = 10s};
  const std::vector<Observation> observations{
      {0, 100, 1, 10ms}, {5, 10, 5, 10ms},   {0, 100, 60, 11ms},
      {0, 100, 0, 90ms}, {0, 19, 19, 900ms}, {4, 100, 49, 12ms},
  };
  const auto outliers = find_outliers(settings, observations);
  REQUIRE(outliers.size() == 3);
  CHECK(outliers[0].index == 3);
  CHECK(outliers[0].reason == "latency at 90% of 90ms where the pool's is 11ms");
  CHECK(outliers[1].index == 2);
  CHECK(outliers[1].reason == "errors in 60% of 100 requests within 10s");
  CHECK(outliers[2].index == 1);
  CHECK(outliers[2].reason == "5 errors in a row");
}

TEST_CASE("of two members nobody can say which one is slow") {
  const OutlierSettings settings{.latency_factor = 3, .minimum = 10};
  const std::vector<Observation> two{{0, 100, 0, 10ms}, {0, 100, 0, 900ms}, {0, 9, 0, 10ms}};
  CHECK(find_outliers(settings, two).empty());
}

TEST_CASE("an ejection lasts longer each time up to its cap, and shorter again after good periods") {
  const OutlierSettings settings{.ejection_time = 10s, .ejection_cap = 25s};
  Ejection ejection;
  MonotonicTime now = kStart;
  for (const Duration expected : {10s, 20s, 25s, 25s}) {
    ejection.eject(settings, now);
    CHECK(ejection.until() - now == expected);
    CHECK_FALSE(ejection.advance(settings, now + expected - 1ns));
    now += expected;
    CHECK(ejection.advance(settings, now));
    CHECK_FALSE(ejection.is_ejected());
  }
  CHECK(ejection.times() == 3);
  ejection.advance(settings, now + 10s);
  CHECK(ejection.times() == 2);
  ejection.advance(settings, now + 10s);
  CHECK(ejection.times() == 2);
  ejection.advance(settings, now + 1h);
  CHECK(ejection.times() == 0);
  ejection.eject(settings, now + 1h);
  CHECK(ejection.until() - now == 1h + 10s);
}

TEST_CASE("what is recent is forgotten after the window") {
  Recent recent;
  MonotonicTime now = kStart;
  recent.turn(now, 10s);
  for (int i = 0; i < 100; ++i) recent.record(i % 4 != 0, 20ms);
  recent.turn(now += 9s, 10s);
  CHECK(recent.summary().requests == 100);
  CHECK(recent.summary().error_rate() == 0.25);
  CHECK(recent.summary().mean == 20ms);
  recent.record(true, 1ms);
  recent.turn(now += 3s, 10s);
  CHECK(recent.summary().requests == 1);
  recent.turn(now += 1h, 10s);
  CHECK(recent.summary().requests == 0);
  CHECK(recent.summary().p99 == 0s);
}

TEST_CASE("what came before the window was first turned counts, too") {
  Recent recent;
  recent.record(true, 20ms);
  recent.turn(kStart, 10s);
  CHECK(recent.summary().requests == 1);
  recent.turn(kStart + 13s, 10s);
  CHECK(recent.summary().requests == 0);
}

TEST_CASE("quantiles are right to within six percent") {
  const auto scale = GENERATE(as<int64_t>(), 1, 37, 1000, 60'000);  // microseconds
  Recent recent;
  for (int64_t i = 1; i <= 1000; ++i) recent.record(true, Duration{i * scale * 1000});
  const auto summary = recent.summary();
  const auto top = static_cast<double>(1000 * scale * 1000);
  CHECK(static_cast<double>(summary.p50.count()) == Approx(0.5 * top).epsilon(0.06));
  CHECK(static_cast<double>(summary.p90.count()) == Approx(0.9 * top).epsilon(0.06));
  CHECK(static_cast<double>(summary.p99.count()) == Approx(0.99 * top).epsilon(0.06));
}

TEST_CASE("latencies beyond all buckets are counted in the outermost") {
  Recent recent;
  recent.record(true, Duration{-5});
  recent.record(true, Duration{0});
  CHECK(recent.quantile(1) <= 2us);
  recent.record(true, 10h);
  CHECK(recent.quantile(1) > 60s);
  CHECK(recent.summary().requests == 3);
}

TEST_CASE("a latency estimate jumps up at once and comes down over its decay") {
  LatencyEstimate estimate;
  CHECK(estimate.at(kStart, 10s) == 0);
  estimate.observe(10ms, kStart, 10s);
  CHECK(estimate.at(kStart, 10s) == 10e6);
  estimate.observe(200ms, kStart + 1ms, 10s);
  CHECK(estimate.at(kStart + 1ms, 10s) == 200e6);
  CHECK(estimate.at(kStart + 1ms + 10s, 10s) == Approx(200e6 / 2.71828).epsilon(0.001));  // though idle
  MonotonicTime now = kStart + 1ms;
  for (int i = 0; i < 1000; ++i) estimate.observe(10ms, now += 10ms, 10s);
  CHECK(estimate.at(now, 10s) == Approx(10e6 + 190e6 / 2.71828).epsilon(0.001));
}

TEST_CASE("a fast failure does not look like a fast answer") {
  LatencyEstimate estimate;
  estimate.observe(10ms, kStart, 10s);
  estimate.observe_failure(100us, kStart, 10s);
  CHECK(estimate.at(kStart, 10s) == 40e6);
  for (int i = 0; i < 10; ++i) estimate.observe_failure(100us, kStart, 10s);
  CHECK(estimate.at(kStart, 10s) == 1e9);
}
