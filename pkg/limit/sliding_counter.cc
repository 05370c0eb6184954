// The sliding window, estimated from two counters (as Cloudflare described it in 2017): what came in the
// window before, weighted by how much of it the sliding window still covers, plus what has come in this one.
// State: 24 bits of window number (from 1), 20 bits each of the count before and the count now.
//
// The estimate takes requests to be spread evenly over the window before; README.md has the measured error.

#include "pkg/limit/strategy.hh"

namespace weir::limit {
namespace {

struct Counts {
  uint64_t before = 0;
  uint64_t now = 0;
};

class SlidingCounter final : public Strategy {
 public:
  explicit SlidingCounter(const Policy& policy)
      : limit_(policy.rate.count), period_(static_cast<uint64_t>(policy.rate.period.count())) {}

  Decision decide(uint64_t state, Time now, uint32_t cost, uint64_t& next) const override {
    Counts counts = read(state, now);
    Decision decision;
    decision.limit = limit_;
    decision.allowed = fits(counts, now, cost);
    if (decision.allowed) counts.now += cost;
    next = write(counts, now);
    const uint64_t used = estimate(counts, now);
    decision.remaining = used < limit_ ? limit_ - used : 0;
    const uint64_t into = now % period_;
    const uint64_t until_gone = (counts.now > 0 ? 2 * period_ : period_) - into;
    decision.reset = Duration{counts.before + counts.now > 0 ? static_cast<int64_t>(until_gone) : 0};
    if (!decision.allowed) decision.retry_after = Duration{static_cast<int64_t>(wait(counts, into, cost))};
    return decision;
  }
  uint64_t refund(uint64_t state, Time now, uint32_t cost) const override {
    Counts counts = read(state, now);
    if (counts.now < cost) return state;
    counts.now -= cost;
    return write(counts, now);
  }
  Time expires(uint64_t state, Time now) const override {
    const Counts counts = read(state, now);
    if (counts.before + counts.now == 0) return 0;
    return now - now % period_ + (counts.now > 0 ? 2 : 1) * period_;
  }
  bool is_over(uint64_t state, Time now) const override { return !fits(read(state, now), now, 1); }

 private:
  static constexpr unsigned kCountBits = 20;
  static constexpr uint64_t kWindowMask = (uint64_t{1} << 24) - 1;

  uint64_t window(Time now) const { return (now / period_ + 1) & kWindowMask; }

  Counts read(uint64_t state, Time now) const {
    const uint64_t counted = state >> (2 * kCountBits);
    const uint64_t before = (state >> kCountBits) & kMostInSlidingCounter;
    const uint64_t here = state & kMostInSlidingCounter;
    if (state == 0) return {};
    if (counted == window(now)) return {before, here};
    if (((counted + 1) & kWindowMask) == window(now)) return {here, 0};
    return {};
  }
  uint64_t write(const Counts& counts, Time now) const {
    return (window(now) << (2 * kCountBits)) | (counts.before << kCountBits) | counts.now;
  }

  // before * (1 - elapsed share) + now, rounded up: without a fraction it could pass the limit.
  uint64_t estimate(const Counts& counts, Time now) const {
    const auto covered = static_cast<unsigned __int128>(counts.before) * (period_ - now % period_);
    return counts.now + static_cast<uint64_t>((covered + period_ - 1) / period_);
  }
  bool fits(const Counts& counts, Time now, uint32_t cost) const {
    return estimate(counts, now) + cost <= limit_;
  }

  // How long until the estimate has room for `cost`, if nothing more comes. In this window the part of the
  // count before falls; in the next one this window's count is the count before.
  uint64_t wait(const Counts& counts, uint64_t into, uint32_t cost) const {
    if (cost > limit_) return 2 * period_;
    const uint64_t room = limit_ - cost;
    if (counts.now <= room) return falls_to(counts.before, room - counts.now) - into;
    return period_ - into + falls_to(counts.now, room);
  }
  // How far into a window the weighted count has fallen to `target`.
  uint64_t falls_to(uint64_t count, uint64_t target) const {
    if (count <= target) return 0;
    return static_cast<uint64_t>(static_cast<unsigned __int128>(period_) * (count - target) / count) + 1;
  }

  uint64_t limit_;
  uint64_t period_;
};

}  // namespace

std::unique_ptr<Strategy> make_sliding_counter(const Policy& policy) {
  return std::make_unique<SlidingCounter>(policy);
}

}  // namespace weir::limit
