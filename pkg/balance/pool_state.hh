// What a pool has learned, in a form that outlives the process: handed over to the next binary when it is
// replaced in place. As text it is a line a member of key=value pairs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pkg/base/result.hh"
#include "pkg/base/units.hh"

namespace weir::balance {

// What an operator wants of a member.
enum class Admin : uint8_t {
  in_service,
  draining,  // no new clients, but those that are bound to it may still be served
  disabled,  // nothing at all
};
std::string_view to_string(Admin admin);
Result<Admin> parse_admin(std::string_view name);

struct MemberState {
  std::string name;
  // What the operator has set, and what the config said when he did: where the config says something else by
  // then, the config is right.
  Admin admin = Admin::in_service, configured_admin = Admin::in_service;
  uint32_t weight = 1, configured_weight = 1;

  bool is_up = true;
  uint32_t checks_in_row = 0;
  std::string check_note;
  Duration ejected_for{0};  // still; 0: it is not ejected
  uint32_t times_ejected = 0;
  std::string ejection_note;
  std::optional<Duration> started;  // how long ago its slow start began
  Duration latency{0};              // LatencyEstimate's
  uint64_t requests = 0, failures = 0, failures_in_row = 0;

  bool operator==(const MemberState&) const = default;
};

struct PoolState {
  std::vector<MemberState> members;
};

std::string to_text(const PoolState& state);
// Keys that are not known are passed over, since they come from another version of the program.
Result<PoolState> parse_pool_state(std::string_view text);

}  // namespace weir::balance
