// Quantities as people write them in a config or on a command line: "250ms", "10MiB".
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "pkg/base/result.hh"

namespace weir {

using Duration = std::chrono::nanoseconds;

// A count of bytes.
struct Bytes {
  uint64_t count = 0;
  auto operator<=>(const Bytes&) const = default;
};

// "90s", "1h30m", "250ms", "10us"; units ns us ms s m h d, largest first, no sign, no bare number but "0".
Result<Duration> parse_duration(std::string_view text);
std::string format_duration(Duration duration);  // the shortest exact form: "1h30m", "250ms", "0s"

// "512", "64KiB", "10MiB", "2GiB", "1TiB" (powers of 1024) and "1kB", "1MB", "1GB" (powers of 1000).
Result<Bytes> parse_bytes(std::string_view text);
std::string format_bytes(Bytes bytes);  // exact: the largest binary unit that divides it

}  // namespace weir
