// The sliding window, estimated from two counters (as Cloudflare described it in 2017): what came in the
// window before, weighted by how much of it the sliding window still covers, plus what has come in this one.
// State: 24 bits of window number (from 1), 20 bits each of the count before and the count now.
//
// The estimate takes requests to be spread evenly over the window before. A client that knows this and sends
// its whole quota at the end of a window gets up to twice the limit into one period, as with a fixed window;
// README.md has the error that was measured on ordinary traffic.

#include "pkg/limit/strategy.hh"
#include "pkg/limit/window.hh"

namespace weir::limit {
namespace {

constexpr unsigned kCountBits = 20;
static_assert(kMostInSlidingCounter == (uint64_t{1} << kCountBits) - 1);

struct Counts {
  uint64_t before = 0;
  uint64_t now = 0;
};

class SlidingCounter final : public Strategy {
 public:
  explicit SlidingCounter(const Policy& policy)
      : limit_(policy.rate.count), windows_(policy.rate.period, 64 - 2 * kCountBits) {}

  Decision decide(uint64_t state, Time now, uint32_t cost, uint64_t& next) const override {
    const Time at = align(state, now);
    const Time into = windows_.into(at);
    const Time period = windows_.period();
    Counts counts = read(state, at);
    Decision decision;
    decision.limit = limit_;
    decision.allowed = fits(counts, into, cost);
    if (decision.allowed) counts.now += cost;
    next = decision.allowed ? write(counts, at) : state;
    decision.remaining = limit_ - std::min(limit_, estimate(counts, into));
    const Time until_gone = counts.now > 0 ? 2 * period - into : counts.before > 0 ? period - into : 0;
    decision.reset = Duration{static_cast<int64_t>(at - now + until_gone)};
    if (!decision.allowed)
      decision.retry_after = Duration{static_cast<int64_t>(at - now + wait(counts, into, cost))};
    return decision;
  }
  uint64_t refund(uint64_t state, Time now, uint32_t cost) const override {
    const Time at = align(state, now);
    Counts counts = read(state, at);
    if (counts.now < cost) return state;
    counts.now -= cost;
    return write(counts, at);
  }
  Time expires(uint64_t state, Time now) const override {
    const Time at = align(state, now);
    const Counts counts = read(state, at);
    if (counts.before + counts.now == 0) return 0;
    return at - windows_.into(at) + (counts.now > 0 ? 2 : 1) * windows_.period();
  }
  bool is_over(uint64_t state, Time now) const override {
    const Time at = align(state, now);
    return !fits(read(state, at), windows_.into(at), 1);
  }

 private:
  Time align(uint64_t state, Time now) const {
    return state == 0 ? now : windows_.align(now, state >> (2 * kCountBits));
  }
  Counts read(uint64_t state, Time at) const {
    if (state == 0) return {};
    const uint64_t counted = state >> (2 * kCountBits);
    const uint64_t here = state & kMostInSlidingCounter;
    if (counted == windows_.number(at)) return {(state >> kCountBits) & kMostInSlidingCounter, here};
    if (at >= windows_.period() && counted == windows_.number(at - windows_.period())) return {here, 0};
    return {};
  }
  uint64_t write(const Counts& counts, Time at) const {
    return (windows_.number(at) << (2 * kCountBits)) | (counts.before << kCountBits) | counts.now;
  }

  // before * (1 - elapsed share) + now, rounded up: without a fraction it could pass the limit.
  uint64_t estimate(const Counts& counts, Time into) const {
    const Time period = windows_.period();
    const auto covered = static_cast<unsigned __int128>(counts.before) * (period - into);
    return counts.now + static_cast<uint64_t>((covered + period - 1) / period);
  }
  bool fits(const Counts& counts, Time into, uint32_t cost) const {
    return estimate(counts, into) + cost <= limit_;
  }

  // How long until the estimate has room for `cost`, if nothing more comes. In this window the part of the
  // count before falls; in the next one this window's count is the count before.
  Time wait(const Counts& counts, Time into, uint32_t cost) const {
    if (cost > limit_) return 2 * windows_.period();
    const uint64_t room = limit_ - cost;
    if (counts.now <= room) return falls_to(counts.before, room - counts.now) - into;
    return windows_.period() - into + falls_to(counts.now, room);
  }
  // How far into a window the weighted count has fallen to `target`.
  Time falls_to(uint64_t count, uint64_t target) const {
    if (count <= target) return 0;
    const auto fallen = static_cast<unsigned __int128>(windows_.period()) * (count - target);
    return static_cast<Time>((fallen + count - 1) / count);
  }

  uint64_t limit_;
  detail::Windows windows_;
};

}  // namespace

std::unique_ptr<Strategy> make_sliding_counter(const Policy& policy) {
  return std::make_unique<SlidingCounter>(policy);
}

}  // namespace weir::limit
