// A retry budget: retries are at most a share of recent requests, and a few a second besides, for an upstream
// that is quiet (as Finagle's RetryBudget and Envoy's retry_budget have it). When everything fails, retries
// then add that share to the load instead of multiplying it.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "pkg/base/clock.hh"

namespace weir::resilience {

// Shared by threads.
class RetryBudget {
 public:
  // What is recent: a window that slides, as the sum of this one and what is left of the last (the sliding
  // window counter; see pkg/limit).
  static constexpr Duration kWindow = std::chrono::seconds(10);
  // On average over a window, and all of them at once if need be.
  static constexpr int64_t kMinimumPerSecond = 1;

  explicit RetryBudget(MonotonicTime now) : window_start_(now) {}

  // A request began. `ratio` is retries for each request, 0 to 1. One relaxed add.
  void deposit(double ratio) {
    earned_.fetch_add(static_cast<int64_t>(ratio * kUnit), std::memory_order_relaxed);
  }
  // Takes one retry out, if it is there. Takes a lock, being far from the path of what goes well.
  bool withdraw(MonotonicTime now);

 private:
  static constexpr double kUnit = 1e6;  // of one retry

  void turn_window(MonotonicTime now);

  std::atomic<int64_t> earned_ = 0;  // in this window
  std::mutex mutex_;                 // guards what follows
  MonotonicTime window_start_;
  double spent_ = 0;  // in this window, in retries
  double last_earned_ = 0;
  double last_spent_ = 0;
};

}  // namespace weir::resilience
