#include "cmd/weir-lock/boot_clock.hh"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>

namespace weir::locking {

using namespace std::chrono_literals;

BootTime BootClock::now() {
  timespec time{};
  clock_gettime(CLOCK_BOOTTIME, &time);
  return BootTime(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

BootTimer::BootTimer(aio::Loop& loop, std::function<void()> on_time)
    : timer_(timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC)), on_time_(std::move(on_time)) {
  if (!timer_.is_open()) abort();  // no descriptors: no lease could be watched over
  watch_.emplace(loop, timer_.get(), [this](bool, bool) {
    uint64_t times = 0;
    if (::read(timer_.get(), &times, sizeof times) == sizeof times) on_time_();
  });
  watch_->set(true, false);
}

void BootTimer::set(BootTime time) {
  const auto since_boot = std::max<Duration>(time.time_since_epoch(), 1ns);  // 0 would disarm it
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
  itimerspec when{};
  when.it_value.tv_sec = static_cast<time_t>(seconds.count());
  when.it_value.tv_nsec = static_cast<long>((since_boot - seconds).count());
  (void)timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

}  // namespace weir::locking
