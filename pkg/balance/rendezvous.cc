// Rendezvous hashing (Thaler and Ravishankar 1998; weights by Schindelhauer and Schomaker 2005): each member
// has a score for the key, and the highest has it. A member that leaves or comes moves its own keys only, a
// weight that changes only what it must; the next best is the one that would have the key without the best.

#include <cmath>
#include <vector>

#include "pkg/balance/placement.hh"
#include "pkg/balance/strategy.hh"

namespace weir::balance {

namespace {

class Rendezvous : public Strategy {
 public:
  explicit Rendezvous(Candidates candidates) {
    for (const Candidate& candidate : candidates)
      contenders_.push_back(
          {candidate.member->hash(), static_cast<double>(candidate.weight), candidate.member.get()});
  }

  Member* pick(const Pick& pick) const override {
    Member* best = nullptr;
    double best_score = 0;
    for (const Contender& contender : contenders_) {
      const double u = to_unit(pick.key, contender.hash);
      // Since 1 - u < -ln(u), most members are out without a logarithm.
      if (contender.weight <= best_score * (1 - u)) continue;
      const double score = -contender.weight / std::log(u);
      if (score <= best_score || !pick.allows(*contender.member)) continue;
      best = contender.member;
      best_score = score;
    }
    return best;
  }

 private:
  // Apart from the members themselves, so that a pick reads memory in a row and not all over.
  struct Contender {
    uint64_t hash;
    double weight;
    Member* member;
  };
  std::vector<Contender> contenders_;
};

}  // namespace

std::unique_ptr<Strategy> make_rendezvous(Candidates candidates) {
  return std::make_unique<Rendezvous>(candidates);
}

}  // namespace weir::balance
