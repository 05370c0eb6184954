// The balancing algorithms by name.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "pkg/base/result.hh"

namespace weir::balance {

enum class Algorithm : uint8_t {
  round_robin,           // in turn; a pool leaves out the weights
  weighted_round_robin,  // in a smooth order by weight
  least_connections,     // the fewest requests under way by weight, of all members
  random,                // drawn by weight
  two_choices,           // of two drawn by weight, the one with fewer requests under way
  peak_ewma,             // of two drawn by weight, the one with the lower latency times requests under way
  ip_hash,               // as hash; the name says that the key is the client's address
  hash,                  // by the key: rendezvous, exact and linear in the number of members
  maglev,                // by the key: a table, in constant time
  bounded_hash,          // by the key: a ring, on which nobody gets more than load_factor times its part
};

inline constexpr std::array kAlgorithms{Algorithm::round_robin,
                                        Algorithm::weighted_round_robin,
                                        Algorithm::least_connections,
                                        Algorithm::random,
                                        Algorithm::two_choices,
                                        Algorithm::peak_ewma,
                                        Algorithm::ip_hash,
                                        Algorithm::hash,
                                        Algorithm::maglev,
                                        Algorithm::bounded_hash};

std::string_view to_string(Algorithm algorithm);
Result<Algorithm> parse_algorithm(std::string_view name);
// Whether it looks at Pick::key, so that a caller need not hash one for nothing.
bool uses_key(Algorithm algorithm);

}  // namespace weir::balance
