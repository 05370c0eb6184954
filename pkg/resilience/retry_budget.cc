#include "pkg/resilience/retry_budget.hh"

#include <algorithm>

namespace weir::resilience {
namespace {

double in_windows(Duration duration) {
  return std::chrono::duration<double>(duration) / RetryBudget::kWindow;
}

}  // namespace

bool RetryBudget::withdraw(MonotonicTime now) {
  constexpr double kMinimum = std::chrono::duration<double>(kWindow).count() * kMinimumPerSecond;
  const std::lock_guard lock(mutex_);
  if (now - window_start_ >= kWindow) turn_window(now);
  // Callers read the clock before they come here, so `now` may lie before the start that another set.
  const double age = std::max(0.0, in_windows(now - window_start_));
  const double earned =
      last_earned_ * (1 - age) + static_cast<double>(earned_.load(std::memory_order_relaxed)) / kUnit;
  const double spent = last_spent_ * (1 - age) + spent_;
  if (spent + 1 > earned + kMinimum) return false;
  spent_ += 1;
  return true;
}

// Nobody turns the window while nothing is retried, so it may have been open for long: what counts is its
// average over the length of a window.
void RetryBudget::turn_window(MonotonicTime now) {
  const double share = 1 / in_windows(now - window_start_);
  const auto earned = static_cast<double>(earned_.exchange(0, std::memory_order_relaxed)) / kUnit;
  last_earned_ = earned * share;
  last_spent_ = spent_ * share;
  spent_ = 0;
  window_start_ = now;
}

}  // namespace weir::resilience
