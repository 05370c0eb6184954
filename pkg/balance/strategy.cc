#include "pkg/balance/strategy.hh"

#include <algorithm>
#include <cstdlib>

namespace weir::balance {
namespace {

bool have_equal_weights(Candidates candidates) {
  return std::all_of(candidates.begin(), candidates.end(),
                     [&](const Candidate& c) { return c.weight == candidates.front().weight; });
}

}  // namespace

std::unique_ptr<Strategy> make_strategy(Algorithm algorithm, const StrategySettings& settings,
                                        Candidates candidates, std::shared_ptr<PoolCounters> counters) {
  switch (algorithm) {
    case Algorithm::round_robin:
      // Weights only differ here while someone starts slowly.
      if (have_equal_weights(candidates)) return make_round_robin(candidates, std::move(counters));
      return make_weighted_round_robin(candidates, std::move(counters));
    case Algorithm::weighted_round_robin:
      return make_weighted_round_robin(candidates, std::move(counters));
    case Algorithm::least_connections:
      return make_least_connections(candidates);
    case Algorithm::random:
      return make_random(candidates);
    case Algorithm::two_choices:
      return make_two_choices(candidates);
    case Algorithm::peak_ewma:
      return make_peak_ewma(candidates, settings.ewma_decay);
    case Algorithm::ip_hash:
    case Algorithm::hash:
      return make_rendezvous(candidates);
    case Algorithm::maglev:
      return make_maglev(candidates);
    case Algorithm::bounded_hash:
      return make_bounded_hash(candidates, settings.load_factor, std::move(counters));
  }
  abort();
}

}  // namespace weir::balance
