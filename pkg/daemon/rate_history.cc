#include "pkg/daemon/rate_history.hh"

#include <algorithm>

namespace weir::daemon {

void RateHistory::sample(uint64_t total, MonotonicTime now) {
  if (!is_started_) {
    is_started_ = true;
    total_ = total;
    at_ = now;
    return;
  }
  // A timer that wakes a little early must not make every second point come an interval late.
  if (now - at_ < kInterval - kInterval / 10) return;
  const std::chrono::duration<double> passed = now - at_;
  const uint64_t grown = total >= total_ ? total - total_ : 0;  // what it counts has changed
  points_[count_++ % kPoints] = static_cast<float>(static_cast<double>(grown) / passed.count());
  total_ = total;
  at_ = now;
}

std::vector<double> RateHistory::points() const {
  const size_t size = std::min(count_, kPoints);
  std::vector<double> out;
  for (size_t i = count_ - size; i < count_; ++i) out.push_back(static_cast<double>(points_[i % kPoints]));
  return out;
}

double RateHistory::rate() const {
  return count_ == 0 ? 0 : static_cast<double>(points_[(count_ - 1) % kPoints]);
}

}  // namespace weir::daemon
