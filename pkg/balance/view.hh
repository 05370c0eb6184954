// Who takes part in a pool now, and the strategy that chooses among them. Immutable: the pool publishes a new
// one when anything changes, worker threads pick from the one they hold.
#pragma once

#include <string_view>
#include <vector>

#include "pkg/balance/strategy.hh"

namespace weir::balance {

class View {
 public:
  // `sticky`: who may still serve clients that were theirs, but get no new ones.
  View(Algorithm algorithm, const StrategySettings& settings, std::vector<Candidate> candidates,
       std::vector<std::shared_ptr<Member>> sticky, std::shared_ptr<PoolCounters> counters, bool is_panic);
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  // The member for a request, or null when none may be used. It lives as long as this view; whoever awaits
  // holds an InFlight of it.
  Member* pick(Pick pick) const {
    pick.use_ejected = is_panic_;
    return strategy_->pick(pick);
  }
  // The member that a sticky client names, if it may serve him: it takes part, or is draining.
  Member* find(std::string_view name) const;

  std::span<const Candidate> candidates() const { return candidates_; }
  Algorithm algorithm() const { return algorithm_; }
  // Too few are healthy, so that all take part.
  bool is_panic() const { return is_panic_; }

 private:
  Algorithm algorithm_;
  std::vector<Candidate> candidates_;
  std::vector<std::shared_ptr<Member>> by_name_;  // sorted: candidates and sticky ones
  bool is_panic_;
  std::unique_ptr<Strategy> strategy_;
};

}  // namespace weir::balance
