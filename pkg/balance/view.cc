#include "pkg/balance/view.hh"

#include <algorithm>

namespace weir::balance {

View::View(Algorithm algorithm, const StrategySettings& settings, std::vector<Candidate> candidates,
           std::vector<std::shared_ptr<Member>> sticky, std::shared_ptr<PoolCounters> counters, bool is_panic)
    : algorithm_(algorithm),
      candidates_(std::move(candidates)),
      by_name_(std::move(sticky)),
      is_panic_(is_panic),
      strategy_(make_strategy(algorithm, settings, candidates_, std::move(counters))) {
  for (const Candidate& candidate : candidates_) by_name_.push_back(candidate.member);
  std::sort(by_name_.begin(), by_name_.end(),
            [](const auto& a, const auto& b) { return a->name() < b->name(); });
}

Member* View::find(std::string_view name) const {
  const auto at = std::lower_bound(by_name_.begin(), by_name_.end(), name,
                                   [](const auto& member, std::string_view n) { return member->name() < n; });
  if (at == by_name_.end() || (*at)->name() != name) return nullptr;
  return (*at)->is_ejected() && !is_panic_ ? nullptr : at->get();
}

}  // namespace weir::balance
