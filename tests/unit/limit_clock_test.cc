// Threads read the clock and decide a moment later, so one may decide at a time before another's.

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "pkg/base/random.hh"
#include "tests/unit/limit_fixture.hh"

using namespace weir;
using namespace weir::limit;
using namespace std::chrono_literals;

namespace {

constexpr std::array kAll{Algorithm::token_bucket, Algorithm::leaky_bucket, Algorithm::fixed_window,
                          Algorithm::sliding_window, Algorithm::sliding_counter};

}  // namespace

TEST_CASE("going back over the edge of a window does not forget what was counted in it") {
  const auto algorithm = GENERATE(from_range(kAll));
  LimitFixture f(algorithm, "10/10s");
  INFO(to_string(algorithm));
  // Ten seconds after the edge all algorithms have room again for ten (the leaky bucket for one more).
  const Time edge = kStart + 100 * kSecond;
  uint64_t allowed = 0;
  for (int i = 0; i < 100; ++i) allowed += f.ask(i % 2 == 0 ? edge : edge - kSecond / 100).allowed ? 1 : 0;
  CHECK(allowed <= (algorithm == Algorithm::leaky_bucket ? 11 : 10));
  CHECK(allowed >= 10);
}

TEST_CASE("a clock that is behind by up to a minute never grants more than one that is not") {
  const auto algorithm = GENERATE(from_range(kAll));
  const auto rate = GENERATE(as<std::string>(), "7/s", "30/10s", "100/minute", "5/hour");
  constexpr uint64_t kSeed = 5;
  INFO(to_string(algorithm) << " " << rate << " seed " << kSeed);
  LimitFixture straight(algorithm, rate);
  LimitFixture skewed(algorithm, rate);
  Random random(kSeed);
  uint64_t expected = 0, allowed = 0;
  Time now = kStart;
  // Each time is asked for many times over, so that what may pass has passed before a late one comes.
  for (int i = 0; i < 2000; ++i) {
    now += random.below(kSecond);
    for (int j = 0; j < 20; ++j) {
      expected += straight.ask(now).allowed ? 1 : 0;
      allowed += skewed.ask(now).allowed ? 1 : 0;
      allowed += skewed.ask(now - random.below(kMostSkew)).allowed ? 1 : 0;
    }
  }
  CHECK(allowed <= expected);
}

TEST_CASE("what a decision says is right for a clock that is behind") {
  const auto algorithm = GENERATE(Algorithm::fixed_window, Algorithm::sliding_window);
  LimitFixture f(algorithm, "1/10s");
  REQUIRE(f.ask(kStart + 10 * kSecond).allowed);
  const Decision late = f.ask(kStart + 9 * kSecond);
  CHECK_FALSE(late.allowed);
  CHECK(late.retry_after == 11s);
  CHECK(late.reset == 11s);
}

TEST_CASE("threads with different clocks get exactly one limit together at the edge of a window") {
  const auto algorithm = GENERATE(Algorithm::fixed_window, Algorithm::sliding_counter);
  LimitFixture f(algorithm, "1000/10s");
  const Time edge = kStart + 100 * kSecond;
  f.ask(edge);  // one thread was here before all others
  std::atomic<uint64_t> allowed = 1;
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i)
        allowed += f.ask(edge + kSecond / 100 - t * kSecond / 100).allowed ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  INFO(to_string(algorithm));
  CHECK(allowed == 1000);
}
