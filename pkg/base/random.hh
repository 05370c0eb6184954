// Random numbers. Algorithms take a Random& so that a test can seed it.
#pragma once

#include <cstdint>
#include <span>

namespace weir {

// Fills `out` from the kernel's generator; aborts if the kernel has none, for nothing could be trusted then.
void fill_secure_random(std::span<uint8_t> out);

// xoshiro256** (Blackman and Vigna, 2018): fast, for jitter and sampling, not for secrets.
class Random {
 public:
  Random();  // seeded from the kernel
  explicit Random(uint64_t seed);

  uint64_t next();
  uint64_t below(uint64_t bound);  // uniform in [0, bound); bound > 0
  double unit();                   // uniform in [0, 1)

 private:
  uint64_t state_[4];
};

}  // namespace weir
