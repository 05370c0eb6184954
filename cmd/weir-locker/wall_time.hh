// The calendar's time in the lock server's unit: for people to read and for the ends that Redis clients name.
// Nothing is ordered or ended by it otherwise, for it jumps.
#pragma once

#include "pkg/base/clock.hh"
#include "pkg/keyspace/request.hh"

namespace weir::locker {

inline keyspace::Millis wall_time() {
  return std::chrono::duration_cast<keyspace::Millis>(WallTime::clock::now().time_since_epoch());
}

}  // namespace weir::locker
