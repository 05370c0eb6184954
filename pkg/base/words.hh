// Text eight characters at a time, in a register: for what looks at every character of every message.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace weir::words {

constexpr size_t kSize = sizeof(uint64_t);
constexpr uint64_t kOnes = 0x0101010101010101;
constexpr uint64_t kHighBits = 0x80 * kOnes;

// The first character is the lowest byte.
inline uint64_t load(const char* at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

// Not 0 when a character is below `limit`, which is 0x80 at most. The lowest high bit that is set is exact;
// the borrow of that character can make those above it look like others.
constexpr uint64_t below(uint64_t word, uint8_t limit) {
  return (word - limit * kOnes) & ~word & kHighBits;
}
// Not 0 when a character is `c`.
constexpr uint64_t equal(uint64_t word, uint8_t c) {
  return below(word ^ c * kOnes, 1);
}

// A to Z become a to z; all else stays, bytes beyond ASCII too.
constexpr uint64_t ascii_lower(uint64_t word) {
  const uint64_t sevens = word & ~kHighBits;
  const uint64_t from_a = sevens + (0x80 - 'A') * kOnes;
  const uint64_t beyond_z = sevens + (0x80 - 'Z' - 1) * kOnes;
  return word | (from_a & ~beyond_z & ~word & kHighBits) >> 2;
}

}  // namespace weir::words
