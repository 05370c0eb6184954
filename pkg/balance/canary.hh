// Whether a canary is so much worse than its baseline that it must be rolled back.
#pragma once

#include <string>

#include "pkg/balance/recent.hh"

namespace weir::balance {

struct CanaryRule {
  double error_margin = 0.02;  // its error rate may be above the baseline's by this; 0: any excess counts
  double latency_factor = 2;   // its p99 may be this many times the baseline's; 0: latency doesn't count
  Duration latency_margin = std::chrono::milliseconds(10);  // and above it by less than this in any case
  uint64_t minimum = 100;  // requests of each within the window below which there is no verdict
  Duration window = std::chrono::seconds(60);
};

struct Verdict {
  bool roll_back = false;
  std::string reason;  // for people, also of a verdict that is good
};

// An error rate must exceed its limit by what chance may explain, too: three standard errors of the
// difference of two proportions. So a rule with a small margin and few requests doesn't fire on bad luck.
Verdict judge_canary(const CanaryRule& rule, const Recent::Summary& baseline, const Recent::Summary& canary);

// Collects what is judged. record() may be called by any thread; the rest is one thread's task.
class CanaryWatch {
 public:
  explicit CanaryWatch(CanaryRule rule) : rule_(rule) {}

  void record(bool is_canary, bool ok, Duration latency) {
    (is_canary ? canary_ : baseline_).record(ok, latency);
  }
  Verdict evaluate(MonotonicTime now);
  void clear();  // after a change of the split
  void set_rule(CanaryRule rule) { rule_ = rule; }

 private:
  CanaryRule rule_;
  Recent baseline_;
  Recent canary_;
};

}  // namespace weir::balance
