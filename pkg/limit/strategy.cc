#include "pkg/limit/strategy.hh"

#include <cstdlib>

namespace weir::limit {

std::unique_ptr<Strategy> make_strategy(const Policy& policy) {
  switch (policy.algorithm) {
    case Algorithm::token_bucket:
      return make_token_bucket(policy);
    case Algorithm::leaky_bucket:
      return make_leaky_bucket(policy);
    case Algorithm::fixed_window:
      return make_fixed_window(policy);
    case Algorithm::sliding_counter:
      return make_sliding_counter(policy);
    case Algorithm::sliding_window:
      break;
  }
  abort();  // keeps a log (log_store.hh), not a word
}

}  // namespace weir::limit
