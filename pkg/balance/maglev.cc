// Maglev hashing (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016,
// section 3.4): members take turns in claiming the places of a table, each in an order of its own; a key is
// looked up at its hash. Weight is how often a member has its turn. When one leaves, its places go to others
// and few of the others' places change hands.

#include <algorithm>
#include <array>
#include <vector>

#include "pkg/balance/placement.hh"
#include "pkg/balance/sampling.hh"

namespace weir::balance {
namespace {

// Primes. The paper asks for at least a hundred places a member, for shares that are even to within 1%.
constexpr std::array<size_t, 5> kSizes{65'537, 131'071, 262'147, 524'309, 1'048'583};
constexpr uint32_t kFree = UINT32_MAX;

size_t choose_size(size_t members) {
  for (const size_t size : kSizes) {
    if (size >= 100 * members) return size;
  }
  return kSizes.back();
}

struct Claimant {
  uint32_t index;
  uint64_t next;  // the place it will ask for
  uint64_t step;
  double credit = 0;
  double share;  // of a turn that it has in each round
};

class Maglev : public Strategy {
 public:
  explicit Maglev(Candidates candidates)
      : candidates_(candidates), places_(choose_size(candidates.size()), kFree) {
    if (!candidates_.empty()) fill();
  }

  Member* pick(const Pick& pick) const override {
    if (candidates_.empty()) return nullptr;
    // Where the key's own member may not be used, other places of the key are asked: the same for each
    // request.
    constexpr uint64_t kTries = 16;
    for (uint64_t i = 0; i < kTries; ++i) {
      Member& member = *candidates_[places_[(i == 0 ? pick.key : mix(pick.key, i)) % places_.size()]].member;
      if (pick.allows(member)) return &member;
    }
    Random by_key(pick.key);
    const Pick fixed{by_key, pick.now, pick.key, pick.filter, pick.use_ejected};
    return draw_allowed(candidates_, fixed);
  }

 private:
  void fill() {
    std::vector<Claimant> claimants;
    uint32_t most = 0;
    for (const Candidate& candidate : candidates_) most = std::max(most, candidate.weight);
    const uint64_t size = places_.size();
    for (uint32_t i = 0; i < candidates_.size(); ++i) {
      const uint64_t hash = candidates_[i].member->hash();
      claimants.push_back({i, mix(hash, 1) % size, mix(hash, 2) % (size - 1) + 1, 0,
                           static_cast<double>(candidates_[i].weight) / most});
    }
    // In an order of their own, so that the table doesn't depend on that of the config.
    std::sort(claimants.begin(), claimants.end(), [&](const Claimant& a, const Claimant& b) {
      return candidates_[a.index].member->hash() < candidates_[b.index].member->hash();
    });
    for (uint64_t taken = 0; taken < size;) {
      for (Claimant& claimant : claimants) {
        claimant.credit += claimant.share;
        if (claimant.credit < 1 || taken == size) continue;
        claimant.credit -= 1;
        claim(claimant);
        ++taken;
      }
    }
  }

  void claim(Claimant& claimant) {
    while (places_[claimant.next] != kFree) claimant.next = (claimant.next + claimant.step) % places_.size();
    places_[claimant.next] = claimant.index;
  }

  Candidates candidates_;
  std::vector<uint32_t> places_;  // indexes of candidates
};

}  // namespace

std::unique_ptr<Strategy> make_maglev(Candidates candidates) {
  return std::make_unique<Maglev>(candidates);
}

}  // namespace weir::balance
