// Clocks. Algorithms take their time as an argument; these are where it comes from.
#pragma once

#include <chrono>
#include <string>

#include "pkg/base/units.hh"

namespace weir {

// Time since boot as CLOCK_MONOTONIC counts it: for intervals, deadlines and limits.
using MonotonicTime = std::chrono::steady_clock::time_point;
// The calendar's time: for logs and events only, since it jumps.
using WallTime = std::chrono::system_clock::time_point;

// Appends `time` as RFC 3339 in UTC with milliseconds: "2026-11-24T01:51:15.042Z".
void append_rfc3339(std::string& out, WallTime time);

}  // namespace weir
