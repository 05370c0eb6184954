// Numbers in the reasons that people read.
#pragma once

#include <string>

#include "pkg/base/units.hh"

namespace weir::balance {

inline std::string say_percent(double share) {
  const int tenths = static_cast<int>(share * 1000 + 0.5);
  std::string out = std::to_string(tenths / 10);
  if (tenths % 10 != 0 && tenths < 100) out += "." + std::to_string(tenths % 10);
  return out + "%";
}

// Without the digits that nobody reads: whole milliseconds from ten on, else whole microseconds.
inline std::string say_duration(Duration duration) {
  using namespace std::chrono;
  if (duration >= 10s) return format_duration(round<seconds>(duration));
  if (duration >= 10ms) return format_duration(round<milliseconds>(duration));
  return format_duration(round<microseconds>(duration));
}

}  // namespace weir::balance
