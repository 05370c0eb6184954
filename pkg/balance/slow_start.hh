// Slow start: the weight of a member that is new or comes back grows linearly to its full value, so that cold
// caches and pools of connections are not met by full load.
#pragma once

#include "pkg/base/clock.hh"
#include "pkg/base/units.hh"

namespace weir::balance {

struct SlowStartSettings {
  Duration duration{0};  // 0: off
  double floor = 0.1;    // the share of its weight that it begins with
};

// The share of its weight, in percent, that a member has when it began at `since`: it grows in steps of 5, so
// that a pool is not built anew for each moment, and is 100 once the duration is over.
int slow_start_percent(const SlowStartSettings& settings, MonotonicTime since, MonotonicTime now);

}  // namespace weir::balance
