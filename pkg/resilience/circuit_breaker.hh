// A circuit breaker (Michael Nygard, "Release It!", 2007) for one server, shared by threads.
//
//   closed     requests pass; failures in a row, or a share of failures within a window, open it
//   open       nothing passes until the open time is over
//   half-open  one probe at a time passes; enough successes close it, a failure opens it for twice as long
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "pkg/base/clock.hh"
#include "pkg/base/units.hh"

namespace weir::resilience {

struct BreakerSettings {
  uint64_t failures = 5;  // in a row; 0: this rule is off
  double ratio = 0.5;     // of failures within the window, which starts with a failure; 0: this rule is off
  uint64_t minimum = 20;  // requests within the window below which the ratio says nothing
  Duration window = std::chrono::seconds(10);
  Duration open_time = std::chrono::seconds(2);
  Duration open_cap = std::chrono::seconds(60);
  uint64_t probes = 1;  // successes in a row that close a half-open breaker
};

enum class BreakerState : uint8_t { closed, open, half_open };
std::string_view to_string(BreakerState state);

class CircuitBreaker;

// Leave to send one request. Say how it went; a permit that is dropped says that nothing was learned, and its
// probe's place is free again. The breaker must outlive it.
class Permit {
 public:
  Permit() = default;
  Permit(Permit&& other) noexcept;
  Permit& operator=(Permit&& other) noexcept;
  ~Permit() { abandon(); }

  bool is_given() const { return breaker_ != nullptr; }
  void success(MonotonicTime now);
  void failure(MonotonicTime now);
  void abandon();

 private:
  friend class CircuitBreaker;
  Permit(CircuitBreaker& breaker, bool is_probe, uint64_t era)
      : breaker_(&breaker), era_(era), is_probe_(is_probe) {}
  void settle(bool succeeded, MonotonicTime now);

  CircuitBreaker* breaker_ = nullptr;
  uint64_t era_ = 0;  // how often the breaker had opened before
  bool is_probe_ = false;
};

class CircuitBreaker {
 public:
  explicit CircuitBreaker(BreakerSettings settings) : settings_(settings) {}

  // A permit that is not given means: do not ask this server now.
  Permit allow(MonotonicTime now);
  // Whether allow() would give one at this moment: for who compares several servers before asking one.
  bool may_allow(MonotonicTime now) const;

  BreakerState state() const { return state_.load(std::memory_order_relaxed); }
  uint64_t times_opened() const { return times_opened_.load(std::memory_order_relaxed); }
  MonotonicTime changed_at() const;  // the epoch of MonotonicTime where it has always been closed
  // How long until a probe may pass; zero unless open.
  Duration time_to_probe(MonotonicTime now) const;
  // What it has learned, for another process that asks the same server. A probe under way is forgotten.
  struct Saved {
    BreakerState state = BreakerState::closed;
    uint64_t times_opened = 0;
    uint64_t failures_in_row = 0;
    MonotonicTime changed_at{};
    Duration open_for{0};
  };
  Saved save() const;
  void restore(const Saved& saved);  // into one that nobody has used

  // The state stays as it is.
  void set_settings(BreakerSettings settings);

 private:
  friend class Permit;

  void record_probe(bool succeeded, MonotonicTime now);
  void record(uint64_t era, bool succeeded, MonotonicTime now);
  void record_closed(bool succeeded, MonotonicTime now);
  void release_probe();
  void move_to(BreakerState next, MonotonicTime now);

  // Read without the lock: the healthy path is a few loads of one line, and an increment for the window.
  std::atomic<BreakerState> state_ = BreakerState::closed;
  std::atomic<uint64_t> failures_in_row_ = 0;
  std::atomic<uint64_t> times_opened_ = 0;
  std::atomic<uint64_t> window_requests_ = 0;
  std::atomic<uint64_t> window_failures_ = 0;

  mutable std::mutex mutex_;  // guards what follows
  BreakerSettings settings_;
  MonotonicTime window_start_{};
  MonotonicTime changed_at_{};
  Duration open_for_{0};
  uint64_t probe_successes_ = 0;
  bool probe_under_way_ = false;
};

}  // namespace weir::resilience
