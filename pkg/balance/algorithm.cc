#include "pkg/balance/algorithm.hh"

#include <string>

namespace weir::balance {

std::string_view to_string(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::round_robin:
      return "round_robin";
    case Algorithm::weighted_round_robin:
      return "weighted_round_robin";
    case Algorithm::least_connections:
      return "least_connections";
    case Algorithm::random:
      return "random";
    case Algorithm::two_choices:
      return "two_choices";
    case Algorithm::peak_ewma:
      return "peak_ewma";
    case Algorithm::ip_hash:
      return "ip_hash";
    case Algorithm::hash:
      return "hash";
    case Algorithm::maglev:
      return "maglev";
    case Algorithm::bounded_hash:
      return "bounded_hash";
  }
  return "unknown";
}

Result<Algorithm> parse_algorithm(std::string_view name) {
  std::string known;
  for (const Algorithm algorithm : kAlgorithms) {
    if (name == to_string(algorithm)) return algorithm;
    known.append(known.empty() ? "" : ", ").append(to_string(algorithm));
  }
  return fail(Errc::invalid,
              "\"" + std::string(name) + "\" is not a balancing algorithm; there are " + known);
}

bool uses_key(Algorithm algorithm) {
  return algorithm == Algorithm::ip_hash || algorithm == Algorithm::hash || algorithm == Algorithm::maglev ||
         algorithm == Algorithm::bounded_hash;
}

}  // namespace weir::balance
