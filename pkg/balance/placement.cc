#include "pkg/balance/placement.hh"

#include <cmath>

#include "pkg/base/hash.hh"

namespace weir::balance {

uint64_t hash_name(std::string_view name) {
  return siphash({0x7765697262616c61, 0x6e63656d656d6265}, name);
}

double rendezvous_score(uint64_t key, uint64_t member_hash, double weight) {
  return -weight / std::log(to_unit(key, member_hash));
}

}  // namespace weir::balance
