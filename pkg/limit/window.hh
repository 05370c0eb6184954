// The windows of the clock, numbered, for the algorithms that keep a count for each window.
#pragma once

#include <algorithm>

#include "pkg/limit/policy.hh"

namespace weir::limit::detail {

// Numbers begin at 1 and are kept in `bits` bits.
class Windows {
 public:
  Windows(Duration period, unsigned bits)
      : period_(static_cast<Time>(period.count())),
        mask_((uint64_t{1} << bits) - 1),
        most_ahead_(std::max<uint64_t>(1, kMostSkew / period_)) {}

  uint64_t number(Time now) const { return (now / period_ + 1) & mask_; }
  Time period() const { return period_; }
  Time into(Time now) const { return now % period_; }

  // The time to decide at: `now`, or the start of the window that was counted last where that one has already
  // begun on another thread's clock. Going back to the window before would forget the count of the new one.
  Time align(Time now, uint64_t counted) const {
    const uint64_t ahead = (counted - number(now)) & mask_;
    if (ahead == 0 || ahead > most_ahead_) return now;
    return now - into(now) + ahead * period_;
  }

 private:
  Time period_;
  uint64_t mask_;
  uint64_t most_ahead_;
};

}  // namespace weir::limit::detail
