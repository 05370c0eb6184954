// Least connections: of all members the one with the fewest requests under way for its weight. Where several
// are equal, as when all are idle, one of them is drawn by weight.

#include "pkg/balance/strategy.hh"

namespace weir::balance {
namespace {

class LeastConnections : public Strategy {
 public:
  explicit LeastConnections(Candidates candidates) : candidates_(candidates) {}

  Member* pick(const Pick& pick) const override {
    const Candidate* best = nullptr;
    uint64_t best_load = 0;
    uint64_t tied_weight = 0;
    for (const Candidate& candidate : candidates_) {
      const uint64_t load = candidate.member->in_flight();
      // load/weight against best_load/best->weight, without a division.
      const uint64_t mine = best == nullptr ? 0 : load * best->weight;
      const uint64_t least = best == nullptr ? 0 : best_load * candidate.weight;
      if (mine > least || !pick.allows(*candidate.member)) continue;
      const bool is_tied = best != nullptr && mine == least;
      tied_weight = (is_tied ? tied_weight : 0) + candidate.weight;
      if (is_tied && pick.random.below(tied_weight) >= candidate.weight) continue;
      best = &candidate;
      best_load = load;
    }
    return best == nullptr ? nullptr : best->member.get();
  }

 private:
  Candidates candidates_;
};

}  // namespace

std::unique_ptr<Strategy> make_least_connections(Candidates candidates) {
  return std::make_unique<LeastConnections>(candidates);
}

}  // namespace weir::balance
