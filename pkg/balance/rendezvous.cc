// Rendezvous hashing (Thaler and Ravishankar 1998; weights by Schindelhauer and Schomaker 2005): each member
// has a score for the key, and the highest has it. A member that leaves or comes moves its own keys only, a
// weight that changes only what it must; the next best is the one that would have the key without the best.

#include <cmath>

#include "pkg/balance/placement.hh"
#include "pkg/balance/strategy.hh"
#include "pkg/base/hash.hh"

namespace weir::balance {

uint64_t hash_name(std::string_view name) {
  return siphash({0x7765697262616c61, 0x6e63656d656d6265}, name);
}

double rendezvous_score(uint64_t key, uint64_t member_hash, double weight) {
  const double u = (static_cast<double>(mix(key, member_hash) >> 11) + 0.5) * 0x1.0p-53;
  return -weight / std::log(u);
}

namespace {

class Rendezvous : public Strategy {
 public:
  explicit Rendezvous(Candidates candidates) : candidates_(candidates) {}

  Member* pick(const Pick& pick) const override {
    Member* best = nullptr;
    double best_score = 0;
    for (const Candidate& candidate : candidates_) {
      const double score = rendezvous_score(pick.key, candidate.member->hash(), candidate.weight);
      if (score <= best_score || !pick.allows(*candidate.member)) continue;
      best = candidate.member.get();
      best_score = score;
    }
    return best;
  }

 private:
  Candidates candidates_;
};

}  // namespace

std::unique_ptr<Strategy> make_rendezvous(Candidates candidates) {
  return std::make_unique<Rendezvous>(candidates);
}

}  // namespace weir::balance
