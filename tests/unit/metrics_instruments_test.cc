#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <thread>
#include <vector>

#include "pkg/base/random.hh"
#include "pkg/metrics/instruments.hh"

using namespace weir::metrics;

namespace {

// Runs `work(thread number)` on several threads at once.
template <typename Work>
void on_threads(size_t count, const Work& work) {
  std::vector<std::jthread> threads;
  for (size_t i = 0; i < count; ++i) threads.emplace_back([&work, i] { work(i); });
}

}  // namespace

TEST_CASE("a counter starts at zero and goes up by what is added") {
  Counter counter;
  CHECK(counter.total() == 0);
  counter.add();
  counter.add(41);
  CHECK(counter.total() == 42);
}

TEST_CASE("a gauge goes up and down") {
  Gauge gauge;
  gauge.add(3);
  gauge.add(-5);
  CHECK(gauge.value() == -2);
  gauge.set(7);
  CHECK(gauge.value() == 7);
}

TEST_CASE("threads have cells of their own, modulo the number of cells") {
  std::vector<size_t> cells(3);
  on_threads(3, [&cells](size_t i) {
    set_thread_cell(i == 2 ? kCells + 5 : i);
    cells[i] = thread_cell();
  });
  CHECK(cells == std::vector<size_t>{0, 1, 5});
}

TEST_CASE("a total is exact once all threads have counted, whether they share cells or not") {
  constexpr size_t kThreads = 8;
  constexpr uint64_t kAdds = 20'000;
  const bool share_cells = GENERATE(false, true);
  Counter counter;
  Gauge gauge;
  Histogram histogram;
  std::atomic<bool> monotonic = true;
  {
    std::jthread reader([&](const std::stop_token& stop) {
      for (uint64_t last = 0; !stop.stop_requested();) {
        const uint64_t now = counter.total();
        if (now < last) monotonic = false;
        last = now;
        std::this_thread::yield();
      }
    });
    on_threads(kThreads, [&](size_t i) {
      set_thread_cell(share_cells ? 0 : i);
      for (uint64_t n = 0; n < kAdds; ++n) {
        counter.add(2);
        gauge.add(n % 2 == 0 ? 3 : -2);
        histogram.observe(0.003);
      }
    });
  }
  CHECK(monotonic);
  CHECK(counter.total() == 2 * kThreads * kAdds);
  CHECK(gauge.value() == static_cast<int64_t>(kThreads * kAdds / 2));
  CHECK(histogram.count() == kThreads * kAdds);
  CHECK(histogram.sum() == Approx(0.003 * kThreads * kAdds).epsilon(1e-9));
}

TEST_CASE("an observation falls into the first bucket whose bound it does not exceed") {
  struct Row {
    double seconds;
    size_t bucket;
    double sum;
  };
  const double infinity = std::numeric_limits<double>::infinity();
  const auto row = GENERATE_COPY(values<Row>({{0, 0, 0},
                                              {-1, 0, 0},
                                              {std::nan(""), 0, 0},
                                              {0.0001, 0, 0.0001},
                                              {0.000101, 1, 0.000101},
                                              {0.0002, 1, 0.0002},
                                              {0.7, 12, 0.7},
                                              {1, 12, 1},
                                              {50, 17, 50},
                                              {50.1, 18, 50.1},
                                              {infinity, 18, 1e9}}));
  Histogram histogram;
  histogram.observe(row.seconds);
  INFO("seconds = " << row.seconds);
  CHECK(histogram.buckets()[row.bucket] == 1);
  CHECK(histogram.count() == 1);
  CHECK(histogram.sum() == Approx(row.sum));
}

TEST_CASE("a histogram's sum is rounded to the microsecond, not cut") {
  Histogram histogram;
  for (int i = 0; i < 1000; ++i) histogram.observe(0.0000019);
  CHECK(histogram.sum() == Approx(0.002));
}

TEST_CASE("a quantile is interpolated within its bucket") {
  Histogram histogram;
  CHECK(histogram.quantile(0.5) == 0);
  for (int i = 0; i < 50; ++i) histogram.observe(0.0015);  // in (1 ms, 2 ms]
  for (int i = 0; i < 50; ++i) histogram.observe(0.15);    // in (100 ms, 200 ms]
  struct Row {
    double share;
    double seconds;
  };
  const auto row = GENERATE(values<Row>({{-1, 0.001},
                                         {0, 0.001},
                                         {0.25, 0.0015},
                                         {0.5, 0.002},
                                         {0.75, 0.15},
                                         {0.99, 0.198},
                                         {1, 0.2},
                                         {2, 0.2}}));
  INFO("share = " << row.share);
  CHECK(histogram.quantile(row.share) == Approx(row.seconds));
}

TEST_CASE("a quantile beyond all bounds is the last bound") {
  Histogram histogram;
  histogram.observe(3600);
  CHECK(histogram.quantile(0.5) == 50);
}

TEST_CASE("quantiles lie in the bucket of the true one, and never fall as the share grows") {
  // The first once told a quantile that lay a rounding error beyond its bucket.
  const uint64_t seed = GENERATE(uint64_t{14232120762145318974u}, weir::Random().next());
  INFO("seed = " << seed);
  weir::Random random(seed);
  Histogram histogram;
  std::vector<double> all;
  for (int i = 0; i < 2000; ++i) {
    all.push_back(std::exp(std::log(1e-5) + random.unit() * std::log(1e6)));
    histogram.observe(all.back());
  }
  std::ranges::sort(all);
  double last = 0;
  for (int percent = 1; percent <= 100; ++percent) {
    const double estimate = histogram.quantile(percent / 100.0);
    const double truth = all[static_cast<size_t>(percent * 20 - 1)];
    const auto* const bound = std::ranges::lower_bound(Histogram::kBounds, truth);
    REQUIRE(estimate <= *bound);
    REQUIRE(estimate >= (bound == Histogram::kBounds.begin() ? 0 : bound[-1]));
    REQUIRE(estimate >= last);
    last = estimate;
  }
}

TEST_CASE("a quantile read while others observe is never below all observations") {
  Histogram histogram;
  histogram.observe(0.15);
  std::jthread writer([&](const std::stop_token& stop) {
    set_thread_cell(1);
    while (!stop.stop_requested()) histogram.observe(0.15);
  });
  for (int i = 0; i < 2000; ++i) REQUIRE(histogram.quantile(0.99) > 0.1);
}
