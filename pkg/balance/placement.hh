// Hashing for the strategies that place keys.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::balance {

// Mixes two hashes into one (the finalizer of MurmurHash3 by Austin Appleby): every bit of both counts.
constexpr uint64_t mix(uint64_t a, uint64_t b) {
  uint64_t x = a ^ (b * 0x9e3779b97f4a7c15);
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccd;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53;
  return x ^ (x >> 33);
}

// The hash of a key and a member, as a number in (0, 1).
constexpr double to_unit(uint64_t key, uint64_t member_hash) {
  return (static_cast<double>(mix(key, member_hash) >> 11) + 0.5) * 0x1.0p-53;
}

// Of a name, the same in every process, so that balancers side by side place keys alike.
uint64_t hash_name(std::string_view name);

// The score of a member for a key in weighted rendezvous hashing: the highest has the key. With u drawn by
// the hash from (0, 1), -weight/ln(u) is highest for each with the probability of its share of the weights.
double rendezvous_score(uint64_t key, uint64_t member_hash, double weight);

}  // namespace weir::balance
