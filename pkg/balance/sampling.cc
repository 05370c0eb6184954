#include "pkg/balance/sampling.hh"

#include <numeric>

namespace weir::balance {

Sampler::Sampler(Candidates candidates) {
  uint64_t sum = 0;
  for (const Candidate& candidate : candidates) sum += candidate.weight;
  // In units in which a full cell is `sum`: each candidate brings weight x size, each cell holds sum.
  std::vector<uint64_t> left;
  std::vector<uint32_t> small, large;
  for (const Candidate& candidate : candidates) {
    left.push_back(uint64_t{candidate.weight} * candidates.size());
    (left.back() < sum ? small : large).push_back(static_cast<uint32_t>(left.size() - 1));
  }
  cells_.assign(candidates.size(), {UINT32_MAX, 0});
  for (uint32_t i = 0; i < cells_.size(); ++i) cells_[i].alias = i;
  while (!small.empty() && !large.empty()) {
    const uint32_t poor = small.back();
    const uint32_t rich = large.back();
    small.pop_back();
    cells_[poor] = {
        static_cast<uint32_t>(static_cast<double>(left[poor]) / static_cast<double>(sum) * 0x1p32), rich};
    left[rich] -= sum - left[poor];
    if (left[rich] >= sum) continue;
    large.pop_back();
    small.push_back(rich);
  }
}

size_t Sampler::draw(Random& random) const {
  const uint64_t bits = random.next();
  const size_t i = static_cast<size_t>(((bits >> 32) * cells_.size()) >> 32);
  return static_cast<uint32_t>(bits) <= cells_[i].threshold ? i : cells_[i].alias;
}

Member* draw_allowed(Candidates candidates, const Pick& pick) {
  Member* drawn = nullptr;
  uint64_t sum = 0;
  for (const Candidate& candidate : candidates) {
    if (!pick.allows(*candidate.member)) continue;
    sum += candidate.weight;
    if (pick.random.below(sum) < candidate.weight) drawn = candidate.member.get();
  }
  return drawn;
}

}  // namespace weir::balance
