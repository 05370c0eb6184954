#include "pkg/resilience/backoff.hh"

#include <algorithm>

namespace weir::resilience {

Duration backoff_delay(const Backoff& backoff, unsigned attempt, Random& random) {
  Duration longest = std::min(backoff.base, backoff.cap);
  for (unsigned i = 0; i < attempt && longest < backoff.cap; ++i)
    longest = std::min(longest * 2, backoff.cap);
  return Duration{static_cast<int64_t>(random.unit() * static_cast<double>(longest.count()))};
}

}  // namespace weir::resilience
