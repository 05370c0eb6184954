// "100/minute" as a value.
#pragma once

#include "pkg/base/units.hh"

namespace weir::limit {

// So many in so long. Both are at least 1; at most kMostCount in at most 366 days.
struct Rate {
  static constexpr uint64_t kMostCount = 1'000'000'000;
  uint64_t count = 1;
  Duration period = std::chrono::seconds(1);

  // COUNT/PERIOD, the period a word (second, minute, hour, day), a letter (s, m, h, d) or a duration ("10s").
  static Result<Rate> parse(std::string_view text);
  std::string to_string() const;
  bool operator==(const Rate&) const = default;
};

}  // namespace weir::limit
