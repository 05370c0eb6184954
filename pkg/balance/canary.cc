#include "pkg/balance/canary.hh"

#include <cmath>

#include "pkg/balance/wording.hh"

namespace weir::balance {
namespace {

constexpr double kStandardErrors = 3;

double standard_error(const Recent::Summary& a, const Recent::Summary& b) {
  const auto n = static_cast<double>(a.requests);
  const auto m = static_cast<double>(b.requests);
  const double pooled = static_cast<double>(a.failures + b.failures) / (n + m);
  return std::sqrt(pooled * (1 - pooled) * (1 / n + 1 / m));
}

std::string say_rate(const Recent::Summary& seen) {
  return say_percent(seen.error_rate()) + " of " + std::to_string(seen.requests) + " requests";
}

}  // namespace

Verdict judge_canary(const CanaryRule& rule, const Recent::Summary& baseline, const Recent::Summary& canary) {
  if (baseline.requests == 0 || canary.requests == 0 || baseline.requests < rule.minimum ||
      canary.requests < rule.minimum) {
    return {false, "too few requests to judge: " + std::to_string(canary.requests) + " of the canary, " +
                       std::to_string(baseline.requests) + " of the baseline"};
  }
  const std::string within = " within " + format_duration(rule.window);
  const std::string errors =
      "the canary fails in " + say_rate(canary) + ", the baseline in " + say_rate(baseline) + within;
  const double excess = canary.error_rate() - baseline.error_rate();
  if (excess > rule.error_margin && excess > kStandardErrors * standard_error(canary, baseline))
    return {true, errors};
  const std::string latencies = "the canary's p99 is " + say_duration(canary.p99) + ", the baseline's " +
                                say_duration(baseline.p99) + within;
  const bool is_slow = rule.latency_factor > 0 && canary.p99 - baseline.p99 >= rule.latency_margin &&
                       static_cast<double>(canary.p99.count()) >
                           rule.latency_factor * static_cast<double>(baseline.p99.count());
  if (is_slow) return {true, latencies};
  return {false, errors + "; " + latencies};
}

Verdict CanaryWatch::evaluate(MonotonicTime now) {
  baseline_.turn(now, rule_.window);
  canary_.turn(now, rule_.window);
  return judge_canary(rule_, baseline_.summary(), canary_.summary());
}

void CanaryWatch::clear() {
  baseline_.clear();
  canary_.clear();
}

}  // namespace weir::balance
