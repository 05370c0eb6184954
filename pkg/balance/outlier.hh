// Passive health: which members answer worse than they should, and for how long each is left out. Pure: the
// pool observes, asks here who is an outlier, and keeps an Ejection for each member.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "pkg/base/clock.hh"
#include "pkg/base/units.hh"

namespace weir::balance {

struct OutlierSettings {
  uint32_t consecutive_errors = 5;  // 0: this rule is off
  double error_rate = 0.5;          // from this share of errors within the window; 0: off
  double latency_factor = 0;        // above this many times the pool's median; 0: off
  double latency_quantile = 0;      // of a member's latencies, what is compared; 0: their mean
  uint64_t minimum = 20;            // requests within the window below which rates and latencies say nothing
  Duration window = std::chrono::seconds(10);
  Duration ejection_time = std::chrono::seconds(30);  // times how often it was ejected lately
  Duration ejection_cap = std::chrono::minutes(5);
  double most_ejected = 0.5;  // the share of members in service that may be ejected at a time

  bool is_on() const { return consecutive_errors > 0 || error_rate > 0 || latency_factor > 0; }
};

// How many of so many members may be ejected at a time.
size_t most_ejected(const OutlierSettings& settings, size_t in_service);

// What is known of one member; `latency` is its mean or quantile as the settings say.
struct Observation {
  uint64_t failures_in_row = 0;
  uint64_t requests = 0;
  uint64_t failures = 0;
  Duration latency{0};
};

struct Outlier {
  size_t index;        // of its observation
  double severity;     // how far beyond the limit of the rule that found it
  std::string reason;  // for people
};

// The outliers among the members of a pool, worst first. Latencies are compared where at least three members
// have enough requests, for of two nobody can say which one is odd.
std::vector<Outlier> find_outliers(const OutlierSettings& settings,
                                   std::span<const Observation> observations);
std::string describe_errors_in_row(uint64_t failures);

// For how long a member is out: each time for longer, and less again after it has behaved.
class Ejection {
 public:
  Ejection() = default;
  Ejection(uint32_t times, Duration left, MonotonicTime now)
      : is_ejected_(left > Duration{0}),
        times_(std::min(times, kMostTimes)),
        until_(now + left),
        good_since_(now) {}

  void eject(const OutlierSettings& settings, MonotonicTime now);
  // Ends an ejection whose time is over, and takes one from times() for every ejection_time that has passed
  // without one. True when it ended just now.
  bool advance(const OutlierSettings& settings, MonotonicTime now);
  void end(MonotonicTime now);

  bool is_ejected() const { return is_ejected_; }
  MonotonicTime until() const { return until_; }
  uint32_t times() const { return times_; }

 private:
  static constexpr uint32_t kMostTimes = 1000;

  bool is_ejected_ = false;
  uint32_t times_ = 0;
  MonotonicTime until_{};
  MonotonicTime good_since_{};
};

}  // namespace weir::balance
