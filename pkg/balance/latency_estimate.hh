// How long an answer of a member takes, as peak-EWMA sees it (Finagle's PeakEwma by Ruben Oanta, 2015): an
// average that jumps up to a slow answer at once and comes down over the decay time, also while nothing
// comes, so that a member that was slow is tried again. Worker threads share one without a lock.
#pragma once

#include <atomic>
#include <cstdint>

#include "pkg/base/clock.hh"
#include "pkg/base/units.hh"

namespace weir::balance {

class LatencyEstimate {
 public:
  void observe(Duration latency, MonotonicTime now, Duration decay);
  // A failure often comes fast, and must not make a member look good: it counts as four times the estimate,
  // so that failures in a row drive it up to a second, and a single one is soon forgotten.
  void observe_failure(Duration latency, MonotonicTime now, Duration decay);

  // Nanoseconds, decayed up to now; zero where nothing is known.
  double at(MonotonicTime now, Duration decay) const;

  void restore(Duration latency, MonotonicTime now);

 private:
  // Time since the last observation. Whoever moves the stamp on owns the interval: no part of it decays
  // twice.
  double claim_interval(MonotonicTime now);

  std::atomic<double> nanoseconds_ = 0;
  std::atomic<int64_t> stamp_ = 0;
};

}  // namespace weir::balance
