// How fast a count has grown over the last minutes: what the status page draws as a small line.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "pkg/base/clock.hh"

namespace weir::daemon {

class RateHistory {
 public:
  static constexpr size_t kPoints = 60;
  static constexpr Duration kInterval = std::chrono::seconds(5);  // so that it reaches five minutes back

  // Tell it the total at least every kInterval; a point is made when the interval is over.
  void sample(uint64_t total, MonotonicTime now);
  // Per second, oldest first; at most kPoints.
  std::vector<double> points() const;
  // Over the last interval that is complete; 0 before there is one.
  double rate() const;

 private:
  std::array<float, kPoints> points_{};
  size_t count_ = 0;  // of points ever made
  bool is_started_ = false;
  uint64_t total_ = 0;
  MonotonicTime at_{};
};

}  // namespace weir::daemon
