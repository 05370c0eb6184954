#include "pkg/resilience/retry_budget.hh"

#include <algorithm>

namespace weir::resilience {

void RetryBudget::deposit(double ratio) {
  const auto amount = static_cast<int64_t>(ratio * kUnit);
  int64_t balance = balance_.load(std::memory_order_relaxed);
  // A full budget, which is the healthy case, costs one load.
  while (balance < kReserve * kUnit) {
    const int64_t next = std::min(balance + amount, kReserve * kUnit);
    if (balance_.compare_exchange_weak(balance, next, std::memory_order_relaxed)) return;
  }
}

bool RetryBudget::withdraw() {
  int64_t balance = balance_.load(std::memory_order_relaxed);
  while (balance >= kUnit) {
    if (balance_.compare_exchange_weak(balance, balance - kUnit, std::memory_order_relaxed)) return true;
  }
  return false;
}

double RetryBudget::balance() const {
  return static_cast<double>(balance_.load(std::memory_order_relaxed)) / kUnit;
}

}  // namespace weir::resilience
