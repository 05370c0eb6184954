#include "pkg/balance/latency_estimate.hh"

#include <algorithm>
#include <cmath>

namespace weir::balance {
namespace {

constexpr double kFailureFactor = 4;
constexpr double kFailureFloor = 1e6;  // a millisecond
constexpr double kFailureCap = 1e9;

// Whoever loses against this many others leaves its observation out: one of thousands is no loss, waiting is.
constexpr int kTries = 4;

double weight_of_past(double elapsed, Duration decay) {
  if (elapsed <= 0) return 1;
  return std::exp(-elapsed / std::max(1.0, static_cast<double>(decay.count())));
}

}  // namespace

double LatencyEstimate::claim_interval(MonotonicTime now) {
  const int64_t at = now.time_since_epoch().count();
  int64_t last = stamp_.load(std::memory_order_relaxed);
  if (at <= last || !stamp_.compare_exchange_strong(last, at, std::memory_order_relaxed)) return 0;
  return static_cast<double>(at - last);
}

void LatencyEstimate::observe(Duration latency, MonotonicTime now, Duration decay) {
  const double seen = std::max(1.0, static_cast<double>(latency.count()));
  const double past = weight_of_past(claim_interval(now), decay);
  double known = nanoseconds_.load(std::memory_order_relaxed);
  for (int i = 0; i < kTries; ++i) {
    const double next = seen > known ? seen : known * past + seen * (1 - past);
    if (nanoseconds_.compare_exchange_weak(known, next, std::memory_order_relaxed)) return;
  }
}

void LatencyEstimate::observe_failure(Duration latency, MonotonicTime now, Duration decay) {
  const double known = std::max(at(now, decay), kFailureFloor);
  const double counted =
      std::max(static_cast<double>(latency.count()), std::min(known * kFailureFactor, kFailureCap));
  observe(Duration{static_cast<int64_t>(counted)}, now, decay);
}

double LatencyEstimate::at(MonotonicTime now, Duration decay) const {
  const double known = nanoseconds_.load(std::memory_order_relaxed);
  if (known == 0) return 0;
  const auto elapsed = now.time_since_epoch().count() - stamp_.load(std::memory_order_relaxed);
  return known * weight_of_past(static_cast<double>(elapsed), decay);
}

void LatencyEstimate::restore(Duration latency, MonotonicTime now) {
  nanoseconds_.store(static_cast<double>(latency.count()), std::memory_order_relaxed);
  stamp_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
}

}  // namespace weir::balance
