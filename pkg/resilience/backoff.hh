// How long to wait before trying again.
#pragma once

#include "pkg/base/random.hh"
#include "pkg/base/units.hh"

namespace weir::resilience {

struct Backoff {
  Duration base = std::chrono::milliseconds(25);
  Duration cap = std::chrono::seconds(1);
};

// Exponential backoff with full jitter (Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture
// Blog, 2015): uniform between zero and min(cap, base * 2^attempt). The first retry is attempt 0.
Duration backoff_delay(const Backoff& backoff, unsigned attempt, Random& random);

}  // namespace weir::resilience
