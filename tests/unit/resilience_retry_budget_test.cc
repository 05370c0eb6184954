#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "pkg/base/random.hh"
#include "pkg/resilience/retry_budget.hh"

using namespace weir;
using namespace weir::resilience;
using namespace std::chrono_literals;

namespace {

constexpr MonotonicTime kStart{1000h};
constexpr int kMinimum = 10;  // a window's

int withdraw_all(RetryBudget& budget, MonotonicTime now) {
  int count = 0;
  while (budget.withdraw(now)) ++count;
  return count;
}

}  // namespace

TEST_CASE("an upstream without traffic may retry a few times") {
  RetryBudget budget(kStart);
  CHECK(withdraw_all(budget, kStart) == kMinimum);
}

TEST_CASE("the minimum comes back as the window slides") {
  RetryBudget budget(kStart);
  REQUIRE(withdraw_all(budget, kStart) == kMinimum);
  CHECK(withdraw_all(budget, kStart + 9'999ms) == 0);
  CHECK(withdraw_all(budget, kStart + 10s) == 0);
  CHECK(withdraw_all(budget, kStart + 12s) == 2);
  CHECK(withdraw_all(budget, kStart + 15s) == 3);
  CHECK(withdraw_all(budget, kStart + 60s) == kMinimum - 1);  // one of the five spent since is left
  CHECK(withdraw_all(budget, kStart + 1h) == kMinimum - 1);
}

TEST_CASE("requests pay their share in") {
  struct Row {
    double ratio;
    int requests;
    int retries;
  };
  const auto row = GENERATE(values<Row>(
      {{0, 1000, 0}, {0.2, 4, 0}, {0.2, 5, 1}, {0.2, 1000, 200}, {1, 1000, 1000}, {0.001, 999, 0}}));
  RetryBudget budget(kStart);
  for (int i = 0; i < row.requests; ++i) budget.deposit(row.ratio);
  INFO("ratio = " << row.ratio << ", requests = " << row.requests);
  CHECK(withdraw_all(budget, kStart + 5s) == row.retries + kMinimum);
}

TEST_CASE("requests that are no longer recent don't count") {
  RetryBudget budget(kStart);
  for (int i = 0; i < 1000; ++i) budget.deposit(0.2);
  CHECK(budget.withdraw(kStart + 10s));                             // turns the window
  CHECK(withdraw_all(budget, kStart + 15s) == 100 + kMinimum - 1);  // half of the last window is left
}

TEST_CASE("a long time without a retry counts by its average") {
  RetryBudget budget(kStart);
  for (int i = 0; i < 36'000; ++i) budget.deposit(0.2);  // ten a second
  CHECK(withdraw_all(budget, kStart + 1h) == 20 + kMinimum);
}

TEST_CASE("a time from before the window's start counts as its start") {
  RetryBudget budget(kStart);
  for (int i = 0; i < 100; ++i) budget.deposit(0.2);
  REQUIRE(budget.withdraw(kStart + 10s));
  CHECK(withdraw_all(budget, kStart - 1h) == 20 + kMinimum - 1);
}

TEST_CASE("when everything fails, retries stay at their share in the long run") {
  const uint64_t seed = Random().next();
  INFO("seed = " << seed);
  Random random(seed);
  const double ratio = random.unit();
  RetryBudget budget(kStart);
  double requests = 0;
  double retries = 0;
  MonotonicTime now = kStart;
  for (int i = 0; i < 50'000; ++i) {
    now += Duration{static_cast<int64_t>(random.below(10'000'000))};
    budget.deposit(ratio);
    ++requests;
    retries += budget.withdraw(now) ? 1 : 0;
    retries += budget.withdraw(now) ? 1 : 0;
  }
  const double seconds = std::chrono::duration<double>(now - kStart).count();
  const double allowed = ratio * requests + seconds * RetryBudget::kMinimumPerSecond;
  INFO("ratio = " << ratio << ", requests = " << requests << ", retries = " << retries);
  CHECK(retries <= allowed * 1.05 + kMinimum);
  CHECK(retries >= std::min(allowed, 2 * requests) * 0.9 - kMinimum);
}

TEST_CASE("threads together take exactly what there is") {
  RetryBudget budget(kStart);
  std::atomic<int> taken = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 2500; ++i) budget.deposit(0.5);
      });
    }
  }
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) threads.emplace_back([&] { taken += withdraw_all(budget, kStart + 1s); });
  }
  CHECK(taken == 5000 + kMinimum);
}
