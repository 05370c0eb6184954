// Time that goes on while the machine sleeps, as the lock server counts leases: a laptop that wakes up after
// an hour must know that its locks are gone.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "pkg/aio/descriptor_watch.hh"
#include "pkg/aio/socket.hh"

namespace weir::locking {

struct BootClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
  static time_point now();
};
using BootTime = BootClock::time_point;

// Calls once when the time has come; at once when the machine wakes up later than that.
class BootTimer {
 public:
  BootTimer(aio::Loop& loop, std::function<void()> on_time);
  // In the place of the time that was set before.
  void set(BootTime time);

 private:
  aio::Descriptor timer_;
  std::function<void()> on_time_;
  std::optional<aio::DescriptorWatch> watch_;
};

}  // namespace weir::locking
