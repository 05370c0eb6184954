#include "pkg/resilience/circuit_breaker.hh"

#include <algorithm>
#include <utility>

namespace weir::resilience {

std::string_view to_string(BreakerState state) {
  switch (state) {
    case BreakerState::closed:
      return "closed";
    case BreakerState::open:
      return "open";
    case BreakerState::half_open:
      return "half-open";
  }
  return "unknown";
}

Permit::Permit(Permit&& other) noexcept
    : breaker_(std::exchange(other.breaker_, nullptr)), era_(other.era_), is_probe_(other.is_probe_) {}

Permit& Permit::operator=(Permit&& other) noexcept {
  std::swap(breaker_, other.breaker_);
  std::swap(era_, other.era_);
  std::swap(is_probe_, other.is_probe_);
  return *this;
}

void Permit::success(MonotonicTime now) {
  settle(true, now);
}

void Permit::failure(MonotonicTime now) {
  settle(false, now);
}

void Permit::settle(bool succeeded, MonotonicTime now) {
  auto* breaker = std::exchange(breaker_, nullptr);
  if (breaker == nullptr) return;
  if (is_probe_) {
    breaker->record_probe(succeeded, now);
  } else {
    breaker->record(era_, succeeded, now);
  }
}

void Permit::abandon() {
  auto* breaker = std::exchange(breaker_, nullptr);
  if (breaker != nullptr && is_probe_) breaker->release_probe();
}

Permit CircuitBreaker::allow(MonotonicTime now) {
  const uint64_t era = times_opened();
  if (state() == BreakerState::closed) return Permit(*this, false, era);
  const std::lock_guard lock(mutex_);
  if (state() == BreakerState::open && now - changed_at_ >= open_for_) move_to(BreakerState::half_open, now);
  switch (state()) {
    case BreakerState::closed:
      return Permit(*this, false, times_opened());
    case BreakerState::open:
      return {};
    case BreakerState::half_open:
      break;
  }
  if (probe_under_way_) return {};
  probe_under_way_ = true;
  return Permit(*this, true, times_opened());
}

bool CircuitBreaker::may_allow(MonotonicTime now) const {
  if (state() == BreakerState::closed) return true;
  const std::lock_guard lock(mutex_);
  if (state() == BreakerState::open) return now - changed_at_ >= open_for_;
  return !probe_under_way_;
}

void CircuitBreaker::record_probe(bool succeeded, MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  probe_under_way_ = false;
  if (!succeeded) {
    open_for_ = std::min(open_for_ * 2, std::max(settings_.open_cap, settings_.open_time));
    move_to(BreakerState::open, now);
  } else if (++probe_successes_ >= settings_.probes) {
    move_to(BreakerState::closed, now);
  }
}

void CircuitBreaker::record(uint64_t era, bool succeeded, MonotonicTime now) {
  // How a request from before it last opened ended says nothing about the server now: it may have hung until
  // long after the server had recovered.
  if (state() == BreakerState::closed && era == times_opened()) record_closed(succeeded, now);
}

void CircuitBreaker::record_closed(bool succeeded, MonotonicTime now) {
  if (succeeded) {
    if (failures_in_row_.load(std::memory_order_relaxed) != 0)
      failures_in_row_.store(0, std::memory_order_relaxed);
    window_requests_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const std::lock_guard lock(mutex_);
  if (state() != BreakerState::closed) return;
  // Successes don't look at the clock; the window is turned when it matters, which is at a failure.
  if (now - window_start_ >= settings_.window) {
    window_start_ = now;
    window_requests_.store(0, std::memory_order_relaxed);
    window_failures_.store(0, std::memory_order_relaxed);
  }
  const uint64_t requests = window_requests_.fetch_add(1, std::memory_order_relaxed) + 1;
  const uint64_t failures = window_failures_.fetch_add(1, std::memory_order_relaxed) + 1;
  const uint64_t in_row = failures_in_row_.fetch_add(1, std::memory_order_relaxed) + 1;
  const bool row_is_long = settings_.failures != 0 && in_row >= settings_.failures;
  const bool share_is_high = settings_.ratio > 0 && requests >= settings_.minimum &&
                             static_cast<double>(failures) >= settings_.ratio * static_cast<double>(requests);
  if (!row_is_long && !share_is_high) return;
  open_for_ = settings_.open_time;
  move_to(BreakerState::open, now);
}

void CircuitBreaker::release_probe() {
  const std::lock_guard lock(mutex_);
  probe_under_way_ = false;
}

void CircuitBreaker::move_to(BreakerState next, MonotonicTime now) {
  changed_at_ = now;
  probe_successes_ = 0;
  failures_in_row_.store(0, std::memory_order_relaxed);
  window_requests_.store(0, std::memory_order_relaxed);
  window_failures_.store(0, std::memory_order_relaxed);
  window_start_ = now;
  if (next == BreakerState::open) times_opened_.fetch_add(1, std::memory_order_relaxed);
  state_.store(next, std::memory_order_relaxed);
}

CircuitBreaker::Saved CircuitBreaker::save() const {
  const std::lock_guard lock(mutex_);
  return {state(), times_opened(), failures_in_row_.load(std::memory_order_relaxed), changed_at_, open_for_};
}

void CircuitBreaker::restore(const Saved& saved) {
  const std::lock_guard lock(mutex_);
  state_.store(saved.state, std::memory_order_relaxed);
  times_opened_.store(saved.times_opened, std::memory_order_relaxed);
  failures_in_row_.store(saved.failures_in_row, std::memory_order_relaxed);
  changed_at_ = saved.changed_at;
  open_for_ =
      std::clamp<Duration>(saved.open_for, Duration{0}, std::max(settings_.open_cap, settings_.open_time));
}

MonotonicTime CircuitBreaker::changed_at() const {
  const std::lock_guard lock(mutex_);
  return changed_at_;
}

Duration CircuitBreaker::time_to_probe(MonotonicTime now) const {
  const std::lock_guard lock(mutex_);
  if (state() != BreakerState::open) return Duration{0};
  return std::max(Duration{0}, open_for_ - (now - changed_at_));
}

void CircuitBreaker::set_settings(BreakerSettings settings) {
  const std::lock_guard lock(mutex_);
  settings_ = settings;
}

}  // namespace weir::resilience
