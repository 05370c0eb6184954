// A count for each window of the clock, the simplest there is: up to twice the rate passes around the edge of
// two windows. State: 36 bits of window number (from 1, so that no state is 0), 28 bits of count.

#include "pkg/limit/strategy.hh"

namespace weir::limit {
namespace {

class FixedWindow final : public Strategy {
 public:
  explicit FixedWindow(const Policy& policy)
      : limit_(policy.rate.count), period_(static_cast<uint64_t>(policy.rate.period.count())) {}

  Decision decide(uint64_t state, Time now, uint32_t cost, uint64_t& next) const override {
    const uint64_t used = count(state, now);
    Decision decision;
    decision.limit = limit_;
    decision.allowed = used + cost <= limit_;
    const uint64_t after = decision.allowed ? used + cost : used;
    next = (window(now) << kCountBits) | after;
    decision.remaining = limit_ - after;
    decision.reset = Duration{static_cast<int64_t>(period_ - now % period_)};
    if (!decision.allowed) decision.retry_after = decision.reset;
    return decision;
  }
  uint64_t refund(uint64_t state, Time now, uint32_t cost) const override {
    return count(state, now) >= cost ? state - cost : state;
  }
  Time expires(uint64_t state, Time now) const override {
    return count(state, now) == 0 ? 0 : now + (period_ - now % period_);
  }
  bool is_over(uint64_t state, Time now) const override { return count(state, now) >= limit_; }

 private:
  static constexpr unsigned kCountBits = 28;

  uint64_t window(Time now) const { return (now / period_ + 1) & ((uint64_t{1} << 36) - 1); }
  uint64_t count(uint64_t state, Time now) const {
    return state >> kCountBits == window(now) ? state & kMostInFixedWindow : 0;
  }

  uint64_t limit_;
  uint64_t period_;
};

}  // namespace

std::unique_ptr<Strategy> make_fixed_window(const Policy& policy) {
  return std::make_unique<FixedWindow>(policy);
}

}  // namespace weir::limit
