// The generic cell rate algorithm (ITU-T I.371, "virtual scheduling"): the state is the theoretical arrival
// time (TAT), when a steady stream would send its next request. A token bucket lets a request pass while the
// TAT is at most a burst ahead of the clock; a leaky bucket lets it wait until the clock has come to the TAT.
//
// Times are kept in sixteenths of a nanosecond, with the interval between requests rounded up: a rate whose
// interval is no whole number of them is undercut by less than one request in ten billion, never exceeded.
// 64 bits of them are 36 years of uptime.

#include <algorithm>

#include "pkg/limit/strategy.hh"

namespace weir::limit {
namespace {

constexpr unsigned kFractionBits = 4;

uint64_t to_fine(Time time) {
  return time << kFractionBits;
}

Duration to_duration(uint64_t fine) {
  return Duration{static_cast<int64_t>((fine + (1u << kFractionBits) - 1) >> kFractionBits)};
}

class Gcra : public Strategy {
 public:
  explicit Gcra(const Policy& policy)
      : capacity_(policy.capacity()),
        interval_((to_fine(static_cast<uint64_t>(policy.rate.period.count())) + policy.rate.count - 1) /
                  policy.rate.count) {}

  uint64_t refund(uint64_t state, Time now, uint32_t cost) const override {
    const uint64_t back = std::min(interval_ * cost, state - std::min(state, to_fine(now)));
    return state - back;
  }
  Time expires(uint64_t state, Time) const override { return (state >> kFractionBits) + 1; }

 protected:
  // How far ahead of the clock the TAT is. At least 1 past the epoch, for a state of 0 is no state.
  uint64_t ahead(uint64_t state, Time now) const { return state - std::min(state, to_fine(now)); }

  uint64_t capacity_;
  uint64_t interval_;
};

class TokenBucket final : public Gcra {
 public:
  using Gcra::Gcra;

  Decision decide(uint64_t state, Time now, uint32_t cost, uint64_t& next) const override {
    const uint64_t span = interval_ * capacity_;
    const uint64_t used = ahead(state, now) + interval_ * cost;
    Decision decision;
    decision.limit = capacity_;
    decision.allowed = used <= span;
    const uint64_t after = decision.allowed ? used : ahead(state, now);
    next = to_fine(now) + after;
    decision.remaining = after < span ? (span - after) / interval_ : 0;
    decision.reset = to_duration(after);
    if (!decision.allowed) decision.retry_after = to_duration(used - span);
    return decision;
  }
  bool is_over(uint64_t state, Time now) const override {
    return ahead(state, now) + interval_ > interval_ * capacity_;
  }
};

class LeakyBucket final : public Gcra {
 public:
  using Gcra::Gcra;

  // One may go on at once, and `capacity_` may wait behind it.
  Decision decide(uint64_t state, Time now, uint32_t cost, uint64_t& next) const override {
    const uint64_t span = interval_ * (capacity_ + 1);
    const uint64_t waiting = ahead(state, now);
    const uint64_t used = waiting + interval_ * cost;
    Decision decision;
    decision.limit = capacity_ + 1;
    decision.allowed = used <= span;
    const uint64_t after = decision.allowed ? used : waiting;
    next = to_fine(now) + after;
    decision.remaining = after < span ? (span - after) / interval_ : 0;
    decision.reset = to_duration(after);
    if (decision.allowed) {
      decision.delay = to_duration(waiting);
    } else {
      decision.retry_after = to_duration(used - span);
    }
    return decision;
  }
  bool is_over(uint64_t state, Time now) const override {
    return ahead(state, now) + interval_ > interval_ * (capacity_ + 1);
  }
};

}  // namespace

std::unique_ptr<Strategy> make_token_bucket(const Policy& policy) {
  return std::make_unique<TokenBucket>(policy);
}

std::unique_ptr<Strategy> make_leaky_bucket(const Policy& policy) {
  return std::make_unique<LeakyBucket>(policy);
}

}  // namespace weir::limit
