#include "pkg/balance/active_health.hh"

#include <algorithm>

namespace weir::balance {

ActiveHealth::Transition ActiveHealth::report(bool ok, const ActiveSettings& settings) {
  const bool is_first = is_unknown_;
  is_unknown_ = false;
  if (ok == is_up_) {
    in_row_ = 0;
    return Transition::none;
  }
  const uint32_t needed = is_first ? 1 : (ok ? settings.rise : settings.fall);
  if (++in_row_ < needed) return Transition::none;
  in_row_ = 0;
  is_up_ = ok;
  return ok ? Transition::came_up : Transition::went_down;
}

Duration next_check(const ActiveSettings& settings, Random& random) {
  const double share = std::clamp(settings.jitter, 0.0, 1.0) * (2 * random.unit() - 1);
  return Duration{static_cast<int64_t>(static_cast<double>(settings.interval.count()) * (1 + share))};
}

Duration first_check(const ActiveSettings& settings, Random& random) {
  return Duration{static_cast<int64_t>(static_cast<double>(settings.interval.count()) * random.unit())};
}

}  // namespace weir::balance
