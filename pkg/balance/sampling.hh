// Drawing candidates by weight in constant time: the alias method (A. J. Walker 1977, in the form of
// M. D. Vose 1991). For the strategies only.
#pragma once

#include <vector>

#include "pkg/balance/strategy.hh"

namespace weir::balance {

class Sampler {
 public:
  explicit Sampler(Candidates candidates);
  size_t draw(Random& random) const;  // an index; there must be a candidate

 private:
  struct Cell {
    uint32_t threshold;  // of 2^32: below it the cell is its own, above its alias's
    uint32_t alias;
  };
  std::vector<Cell> cells_;
};

// Of all candidates that may be used one by weight, or null. Linear: for when draws have failed.
Member* draw_allowed(Candidates candidates, const Pick& pick);

// Of two members drawn by weight the one with the lower load(candidate), a double.
template <typename Load>
Member* pick_of_two(const Sampler& sampler, Candidates candidates, const Pick& pick, Load load) {
  constexpr int kDraws = 6;
  const Candidate* first = nullptr;
  for (int i = 0; i < kDraws; ++i) {
    const Candidate& drawn = candidates[sampler.draw(pick.random)];
    if (&drawn == first || !pick.allows(*drawn.member)) continue;
    if (first != nullptr) return (load(drawn) < load(*first) ? drawn : *first).member.get();
    first = &drawn;
    if (candidates.size() == 1) break;
  }
  return first != nullptr ? first->member.get() : draw_allowed(candidates, pick);
}

}  // namespace weir::balance
