// Smooth weighted round robin, in the order in which nginx deals (Maxim Dounin, 2012): weights 5, 1, 1 give
// a a b a c a a and not a a a a a b c. The order of one whole round is computed when the candidates change,
// so that a pick is one atomic turn and one look into the round.

#include <algorithm>
#include <numeric>
#include <vector>

#include "pkg/balance/strategy.hh"

namespace weir::balance {
namespace {

// Computing a round takes (its length) x (members) steps of less than a nanosecond. Weights whose round would
// be longer are rounded, to no less than 1.
constexpr uint64_t kMostSteps = 1 << 22;
constexpr uint64_t kLongestRound = 1 << 16;

std::vector<int64_t> reduce_weights(Candidates candidates) {
  std::vector<int64_t> weights;
  int64_t divisor = 0;
  for (const Candidate& candidate : candidates) {
    weights.push_back(candidate.weight);
    divisor = std::gcd(divisor, weights.back());
  }
  for (int64_t& weight : weights) weight /= divisor;
  const auto sum = static_cast<double>(std::accumulate(weights.begin(), weights.end(), int64_t{0}));
  const uint64_t size = weights.size();
  const auto longest = static_cast<double>(std::max(size, std::min(kLongestRound, kMostSteps / size)));
  if (sum <= longest) return weights;
  for (int64_t& weight : weights) {
    weight = std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(weight) * longest / sum + 0.5));
  }
  return weights;
}

class WeightedRoundRobin : public Strategy {
 public:
  WeightedRoundRobin(Candidates candidates, std::shared_ptr<PoolCounters> counters)
      : candidates_(candidates), counters_(std::move(counters)) {
    if (candidates_.empty()) return;
    const std::vector<int64_t> weights = reduce_weights(candidates_);
    const int64_t sum = std::accumulate(weights.begin(), weights.end(), int64_t{0});
    std::vector<int64_t> credit(weights.size(), 0);
    round_.reserve(static_cast<size_t>(sum));
    for (int64_t turn = 0; turn < sum; ++turn) {
      size_t best = 0;
      for (size_t i = 0; i < credit.size(); ++i) {
        credit[i] += weights[i];
        if (credit[i] > credit[best]) best = i;
      }
      credit[best] -= sum;
      round_.push_back(static_cast<uint32_t>(best));
    }
  }

  Member* pick(const Pick& pick) const override {
    uint64_t turn = 0;
    for (size_t i = 0; i < candidates_.size(); ++i) {
      turn = counters_->turn.fetch_add(1, std::memory_order_relaxed);
      Member& member = *candidates_[round_[turn % round_.size()]].member;
      if (pick.allows(member)) return &member;
    }
    // A heavy member that is out, or other threads, took the turns: look at each member once.
    for (size_t i = 0; i < candidates_.size(); ++i) {
      Member& member = *candidates_[(turn + i) % candidates_.size()].member;
      if (pick.allows(member)) return &member;
    }
    return nullptr;
  }

 private:
  Candidates candidates_;
  std::shared_ptr<PoolCounters> counters_;
  std::vector<uint32_t> round_;  // indexes of candidates
};

}  // namespace

std::unique_ptr<Strategy> make_weighted_round_robin(Candidates candidates,
                                                    std::shared_ptr<PoolCounters> counters) {
  return std::make_unique<WeightedRoundRobin>(candidates, std::move(counters));
}

}  // namespace weir::balance
