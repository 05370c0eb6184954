// Members named m0, m1, … on counters of their own, and what picking from them gives.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "pkg/balance/view.hh"

namespace weir::balance {

constexpr MonotonicTime kStart{std::chrono::hours(1000)};

struct ViewFixture {
  std::shared_ptr<PoolCounters> counters = std::make_shared<PoolCounters>();
  std::vector<Candidate> candidates;
  std::unique_ptr<View> view;
  Random random;

  ViewFixture(Algorithm algorithm, const std::vector<uint32_t>& weights, uint64_t seed = 1,
              StrategySettings settings = {})
      : random(seed) {
    for (size_t i = 0; i < weights.size(); ++i) {
      candidates.push_back({std::make_shared<Member>("m" + std::to_string(i), counters), weights[i]});
    }
    rebuild(algorithm, settings);
  }
  void rebuild(Algorithm algorithm, StrategySettings settings = {}) {
    view = std::make_unique<View>(algorithm, settings, candidates, std::vector<std::shared_ptr<Member>>{},
                                  counters, false);
  }
  Member* pick(uint64_t key = 0, Filter filter = {}) {
    return view->pick({.random = random, .now = kStart, .key = key, .filter = filter});
  }
  // The share of so many picks that each member gets, by its number; no request stays under way.
  std::vector<double> shares(size_t picks, Filter filter = {}) {
    std::map<const Member*, size_t> counts;
    for (size_t i = 0; i < picks; ++i) ++counts[pick(random.next(), filter)];
    std::vector<double> out;
    for (const Candidate& candidate : candidates)
      out.push_back(static_cast<double>(counts[candidate.member.get()]) / static_cast<double>(picks));
    return out;
  }
};

}  // namespace weir::balance
