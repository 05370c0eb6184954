// A rate limit as a rule, and what a decision under it says.
#pragma once

#include <string>

#include "pkg/limit/rate.hh"

namespace weir::limit {

enum class Algorithm : uint8_t { token_bucket, leaky_bucket, fixed_window, sliding_window, sliding_counter };

std::string_view to_string(Algorithm algorithm);

struct Policy {
  std::string name;
  Algorithm algorithm = Algorithm::token_bucket;
  Rate rate;
  // token_bucket: how many may pass at once; leaky_bucket: how many may wait. 0: the rate's count.
  uint64_t burst = 0;

  uint64_t capacity() const { return burst == 0 ? rate.count : burst; }
  // What clients are told of it: how many may come at once, and the time in which as many come back.
  Rate quota() const;
};

// Errc::invalid for a policy whose numbers do not fit an algorithm's state; the message is for people.
Result<> check(const Policy& policy);

// Nanoseconds of a clock that only goes forward. A thread may be behind what another has already decided at,
// by up to kMostSkew: no limit is passed by that, a request may at most be decided a little too strictly.
using Time = uint64_t;
constexpr Time kMostSkew = 60'000'000'000;

struct Decision {
  bool allowed = true;
  Duration delay{0};       // leaky_bucket: when an allowed request may go on
  uint64_t limit = 0;      // the quota: how many in the window or burst
  uint64_t remaining = 0;  // of it
  Duration reset{0};       // until the full quota is there again, if nothing more comes
  // Of a rejected request: the earliest time at which it would pass, if nothing more comes. One whose cost is
  // above the limit never passes; it is told to wait for the full quota.
  Duration retry_after{0};
};

}  // namespace weir::limit
