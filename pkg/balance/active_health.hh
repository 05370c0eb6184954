// What active checks say of a member: a state machine that needs several results in a row to change its mind.
// Whoever runs the checks asks here when the next is due and reports what came out.
#pragma once

#include <cstdint>

#include "pkg/base/random.hh"
#include "pkg/base/units.hh"

namespace weir::balance {

struct ActiveSettings {
  uint32_t rise = 2;  // successes in a row that bring a member up
  uint32_t fall = 3;  // failures in a row that take it down
  Duration interval = std::chrono::seconds(5);
  double jitter = 0.1;    // each delay is the interval give or take this share of it
  bool starts_up = true;  // else a new member is down until its first check, which then decides alone
};

class ActiveHealth {
 public:
  enum class Transition : uint8_t { none, came_up, went_down };

  ActiveHealth() = default;
  explicit ActiveHealth(const ActiveSettings& settings)
      : is_up_(settings.starts_up), is_unknown_(!settings.starts_up) {}
  ActiveHealth(bool is_up, uint32_t in_row) : is_up_(is_up), in_row_(in_row) {}

  Transition report(bool ok, const ActiveSettings& settings);

  bool is_up() const { return is_up_; }
  bool is_unknown() const { return is_unknown_; }  // no check has ended yet
  // Results in a row that speak against the present state.
  uint32_t in_row() const { return in_row_; }

 private:
  bool is_up_ = true;
  bool is_unknown_ = false;
  uint32_t in_row_ = 0;
};

// The delay to the next check. The first one comes at a random time within an interval, so that the checks of
// many members are spread over it.
Duration next_check(const ActiveSettings& settings, Random& random);
Duration first_check(const ActiveSettings& settings, Random& random);

}  // namespace weir::balance
