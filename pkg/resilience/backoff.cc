#include "pkg/resilience/backoff.hh"

namespace weir::resilience {

Duration backoff_delay(const Backoff& backoff, unsigned attempt, Random& random) {
  // cap >> attempt, for base << attempt could overflow.
  const bool capped = attempt >= 63 || backoff.base.count() > (backoff.cap.count() >> attempt);
  const int64_t longest = capped ? backoff.cap.count() : backoff.base.count() << attempt;
  return Duration{static_cast<int64_t>(random.unit() * static_cast<double>(longest))};
}

}  // namespace weir::resilience
