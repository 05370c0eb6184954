// The generic cell rate algorithm (ITU-T I.371, "virtual scheduling"), the form of both bucket algorithms.
// The state is the theoretical arrival time (TAT), when a steady stream would send its next request; a
// request passes while the TAT, with this request in it, is at most the span of a full bucket ahead of the
// clock.
//
// Times are kept in sixteenths of a nanosecond (64 bits of them are 36 years of uptime), with the interval
// between requests rounded up. A rate whose interval is a whole number of them (100/minute, 5000/hour) is
// exact for ever; any other is never exceeded, and undercut by at most 1/(16 * interval in ns): 3/s loses one
// request in five billion, 300,000/s one in fifty thousand.
#pragma once

#include "pkg/limit/strategy.hh"

namespace weir::limit::detail {

class Gcra : public Strategy {
 public:
  // `capacity` may come at once. Their span must not pass kLongestSpan.
  Gcra(const Rate& rate, uint64_t capacity)
      : capacity_(capacity), interval_(interval_of(rate)), span_(interval_ * capacity) {}

  Decision decide(uint64_t state, Time now, uint32_t cost, uint64_t& next) const override;
  uint64_t refund(uint64_t state, Time now, uint32_t cost) const override;
  Time expires(uint64_t state, Time now) const override;
  bool is_over(uint64_t state, Time now) const override;

  static uint64_t interval_of(const Rate& rate);  // in sixteenths of a nanosecond
  static constexpr uint64_t kLongestSpan = uint64_t{10 * 366 * 86400} * 16'000'000'000;  // ten years

 protected:
  // How far ahead of the clock the TAT is.
  uint64_t ahead(uint64_t state, Time now) const;
  static Duration to_duration(uint64_t fine);  // rounded up

 private:
  uint64_t capacity_;
  uint64_t interval_;
  uint64_t span_;
};

}  // namespace weir::limit::detail
