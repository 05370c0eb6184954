#include "pkg/base/random.hh"

#include <sys/random.h>

#include <bit>
#include <cerrno>
#include <cstdlib>

namespace weir {

void fill_secure_random(std::span<uint8_t> out) {
  while (!out.empty()) {
    const ssize_t n = getrandom(out.data(), out.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) abort();
    out = out.subspan(static_cast<size_t>(n));
  }
}

Random::Random() {
  fill_secure_random({reinterpret_cast<uint8_t*>(state_), sizeof state_});
}

Random::Random(uint64_t seed) {
  for (uint64_t& word : state_) {  // splitmix64, as the authors advise for seeding
    seed += 0x9e3779b97f4a7c15;
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    word = z ^ (z >> 31);
  }
}

uint64_t Random::next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

uint64_t Random::below(uint64_t bound) {
  // Lemire's multiplication; its bias of less than bound/2^64 is of no matter here.
  return static_cast<uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
}

double Random::unit() {
  return static_cast<double>(next() >> 11) * 0x1.0p-53;
}

}  // namespace weir
