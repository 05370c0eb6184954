#include "pkg/balance/slow_start.hh"

#include <algorithm>

namespace weir::balance {

int slow_start_percent(const SlowStartSettings& settings, MonotonicTime since, MonotonicTime now) {
  constexpr int kStep = 5;
  if (settings.duration <= Duration{0} || now - since >= settings.duration) return 100;
  const double floor = std::clamp(settings.floor, 0.0, 1.0);
  const double passed = std::max(
      0.0, static_cast<double>((now - since).count()) / static_cast<double>(settings.duration.count()));
  const double percent = 100 * (floor + (1 - floor) * passed);
  return std::max(kStep, static_cast<int>(percent) / kStep * kStep);
}

}  // namespace weir::balance
