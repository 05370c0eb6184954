// A retry budget (as in Finagle): each request pays a share of a retry in, each retry takes one out. When
// everything fails, retries stay at that share of the load instead of multiplying it.
#pragma once

#include <atomic>
#include <cstdint>

namespace weir::resilience {

// Shared by threads.
class RetryBudget {
 public:
  // What can be saved up, and what there is at the start: a quiet upstream may retry its first failures.
  static constexpr int64_t kReserve = 10;

  // A request began. `ratio` is retries for each request, 0 to 1.
  void deposit(double ratio);
  // Takes one retry out, if it is there.
  bool withdraw();
  double balance() const;  // in retries

 private:
  static constexpr int64_t kUnit = 1000;  // of one retry
  std::atomic<int64_t> balance_ = kReserve * kUnit;
};

}  // namespace weir::resilience
