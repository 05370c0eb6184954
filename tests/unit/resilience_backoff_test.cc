#include <catch2/catch.hpp>
#include <limits>

#include "pkg/resilience/backoff.hh"

using namespace weir;
using namespace weir::resilience;
using namespace std::chrono_literals;

TEST_CASE("a delay lies between zero and what doubling and the cap allow, and reaches both ends") {
  struct Row {
    Duration base;
    Duration cap;
    unsigned attempt;
    Duration longest;
  };
  constexpr Duration kForever{std::numeric_limits<int64_t>::max()};
  const auto row = GENERATE_COPY(values<Row>({{25ms, 1s, 0, 25ms},
                                              {25ms, 1s, 1, 50ms},
                                              {25ms, 1s, 5, 800ms},
                                              {25ms, 1s, 6, 1s},
                                              {25ms, 1s, 62, 1s},
                                              {25ms, 1s, 63, 1s},
                                              {25ms, 1s, 4'000'000'000, 1s},
                                              {5s, 1s, 0, 1s},
                                              {1ns, kForever, 40, Duration{1LL << 40}},
                                              {25ms, kForever, 60, kForever}}));
  const uint64_t seed = Random().next();
  INFO("seed = " << seed << ", attempt = " << row.attempt);
  Random random(seed);
  double least = 1;
  double most = 0;
  double sum = 0;
  constexpr int kDraws = 1000;
  for (int i = 0; i < kDraws; ++i) {
    const Duration delay = backoff_delay({row.base, row.cap}, row.attempt, random);
    REQUIRE(delay >= Duration{0});
    REQUIRE(delay <= row.longest);
    const double share = static_cast<double>(delay.count()) / static_cast<double>(row.longest.count());
    least = std::min(least, share);
    most = std::max(most, share);
    sum += share;
  }
  // Each of these fails by chance in one run of 10^20.
  CHECK(least < 0.05);
  CHECK(most > 0.95);
  CHECK(sum / kDraws == Approx(0.5).margin(0.09));
}

TEST_CASE("without a base or without a cap there is no delay") {
  Random random(1);
  CHECK(backoff_delay({0ms, 1s}, 5, random) == 0ns);
  CHECK(backoff_delay({25ms, 0ms}, 5, random) == 0ns);
}
