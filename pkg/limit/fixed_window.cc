// A count for each window of the clock, the simplest there is: up to twice the rate passes around the edge of
// two windows. State: 36 bits of window number (from 1, so that no state is 0), 28 bits of count.

#include "pkg/limit/strategy.hh"
#include "pkg/limit/window.hh"

namespace weir::limit {
namespace {

constexpr unsigned kCountBits = 28;
static_assert(kMostInFixedWindow == (uint64_t{1} << kCountBits) - 1);

class FixedWindow final : public Strategy {
 public:
  explicit FixedWindow(const Policy& policy)
      : limit_(policy.rate.count), windows_(policy.rate.period, 64 - kCountBits) {}

  Decision decide(uint64_t state, Time now, uint32_t cost, uint64_t& next) const override {
    const Time at = align(state, now);
    const uint64_t used = count(state, at);
    Decision decision;
    decision.limit = limit_;
    decision.allowed = used + cost <= limit_;
    const uint64_t after = decision.allowed ? used + cost : used;
    next = decision.allowed ? (windows_.number(at) << kCountBits) | after : state;
    // More than the limit was used where a reload has lowered it.
    decision.remaining = limit_ - std::min(limit_, after);
    decision.reset = Duration{static_cast<int64_t>(at - now + windows_.period() - windows_.into(at))};
    if (!decision.allowed) decision.retry_after = decision.reset;
    return decision;
  }
  uint64_t refund(uint64_t state, Time now, uint32_t cost) const override {
    return count(state, align(state, now)) >= cost ? state - cost : state;
  }
  Time expires(uint64_t state, Time now) const override {
    const Time at = align(state, now);
    return count(state, at) == 0 ? 0 : at + (windows_.period() - windows_.into(at));
  }
  bool is_over(uint64_t state, Time now) const override { return count(state, align(state, now)) >= limit_; }

 private:
  Time align(uint64_t state, Time now) const {
    return state == 0 ? now : windows_.align(now, state >> kCountBits);
  }
  uint64_t count(uint64_t state, Time at) const {
    return state >> kCountBits == windows_.number(at) ? state & kMostInFixedWindow : 0;
  }

  uint64_t limit_;
  detail::Windows windows_;
};

}  // namespace

std::unique_ptr<Strategy> make_fixed_window(const Policy& policy) {
  return std::make_unique<FixedWindow>(policy);
}

}  // namespace weir::limit
