#include "pkg/limit/gcra.hh"

#include <algorithm>

namespace weir::limit::detail {
namespace {

constexpr unsigned kFractionBits = 4;

uint64_t to_fine(Time time) {
  return time << kFractionBits;
}

}  // namespace

uint64_t Gcra::interval_of(const Rate& rate) {
  return (to_fine(static_cast<uint64_t>(rate.period.count())) + rate.count - 1) / rate.count;
}

Duration Gcra::to_duration(uint64_t fine) {
  return Duration{static_cast<int64_t>((fine + (1u << kFractionBits) - 1) >> kFractionBits)};
}

// A policy puts the TAT no further than its span. One that is further was written before a reload made the
// policy more generous; it means an empty bucket, no more. A clock that is behind must not be taken for that:
// the bucket would be filled by as much.
uint64_t Gcra::ahead(uint64_t state, Time now) const {
  const uint64_t distance = state - std::min(state, to_fine(now));
  return distance > span_ + to_fine(kMostSkew) ? span_ : distance;
}

Decision Gcra::decide(uint64_t state, Time now, uint32_t cost, uint64_t& next) const {
  const uint64_t before = ahead(state, now);
  Decision decision;
  decision.limit = capacity_;
  decision.allowed = cost <= capacity_ && before + interval_ * cost <= span_;
  const uint64_t after = decision.allowed ? before + interval_ * cost : before;
  next = decision.allowed ? to_fine(now) + after : std::min(state, to_fine(now) + after);
  decision.remaining = after < span_ ? (span_ - after) / interval_ : 0;
  decision.reset = to_duration(after);
  if (!decision.allowed)
    decision.retry_after = to_duration(cost > capacity_ ? span_ : before + interval_ * cost - span_);
  return decision;
}

uint64_t Gcra::refund(uint64_t state, Time now, uint32_t cost) const {
  if (cost > capacity_) return state;  // was never allowed
  return state - std::min(interval_ * cost, state - std::min(state, to_fine(now)));
}

Time Gcra::expires(uint64_t state, Time) const {
  return (state >> kFractionBits) + 1;
}

bool Gcra::is_over(uint64_t state, Time now) const {
  return ahead(state, now) + interval_ > span_;
}

}  // namespace weir::limit::detail
