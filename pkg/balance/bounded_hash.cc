// Consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam, SODA 2018): members stand at
// many points of a ring and a key belongs to the first point after its hash, but a member that has more under
// way than load_factor times its fair part passes it on to the next. So a hot key or an unlucky placement
// costs some stickiness, never a member.

#include <algorithm>
#include <cmath>
#include <vector>

#include "pkg/balance/placement.hh"
#include "pkg/balance/strategy.hh"

namespace weir::balance {
namespace {

constexpr double kPointsPerMember = 160;  // on average: shares differ by about 8%

struct Point {
  uint64_t at;
  uint32_t index;
};

class BoundedHash : public Strategy {
 public:
  BoundedHash(Candidates candidates, double load_factor, std::shared_ptr<PoolCounters> counters)
      : candidates_(candidates), load_factor_(std::max(1.0, load_factor)), counters_(std::move(counters)) {
    for (const Candidate& candidate : candidates_) weight_sum_ += candidate.weight;
    for (uint32_t i = 0; i < candidates_.size(); ++i) {
      const double share = candidates_[i].weight / weight_sum_;
      const double points =
          std::max(1.0, std::round(share * kPointsPerMember * static_cast<double>(candidates_.size())));
      for (uint64_t n = 0; n < static_cast<uint64_t>(points); ++n)
        ring_.push_back({mix(candidates_[i].member->hash(), n + 1), i});
    }
    std::sort(ring_.begin(), ring_.end(), [](const Point& a, const Point& b) { return a.at < b.at; });
  }

  Member* pick(const Pick& pick) const override {
    if (ring_.empty()) return nullptr;
    const double total = static_cast<double>(counters_->in_flight.load(std::memory_order_relaxed)) + 1;
    const double bound_per_weight = load_factor_ * std::max(total, 1.0) / weight_sum_;
    auto point = std::upper_bound(ring_.begin(), ring_.end(), pick.key,
                                  [](uint64_t key, const Point& p) { return key < p.at; });
    // Consecutive points are of random members: this many meet nearly all that are below their bound.
    const size_t most = std::min(ring_.size(), 2 * candidates_.size() + 16);
    for (size_t i = 0; i < most; ++i, ++point) {
      if (point == ring_.end()) point = ring_.begin();
      const Candidate& candidate = candidates_[point->index];
      const double bound = std::ceil(bound_per_weight * candidate.weight);
      const auto under_way = static_cast<double>(candidate.member->in_flight());
      if (under_way < bound && pick.allows(*candidate.member)) return candidate.member.get();
    }
    return least_loaded(pick);
  }

 private:
  // Where those that are out hold the free capacity, or the walk was too short.
  Member* least_loaded(const Pick& pick) const {
    Member* best = nullptr;
    double least = 0;
    for (const Candidate& candidate : candidates_) {
      const double load = static_cast<double>(candidate.member->in_flight()) / candidate.weight;
      if ((best != nullptr && load >= least) || !pick.allows(*candidate.member)) continue;
      best = candidate.member.get();
      least = load;
    }
    return best;
  }

  Candidates candidates_;
  double load_factor_;
  std::shared_ptr<PoolCounters> counters_;
  double weight_sum_ = 0;
  std::vector<Point> ring_;
};

}  // namespace

std::unique_ptr<Strategy> make_bounded_hash(Candidates candidates, double load_factor,
                                            std::shared_ptr<PoolCounters> counters) {
  return std::make_unique<BoundedHash>(candidates, load_factor, std::move(counters));
}

}  // namespace weir::balance
