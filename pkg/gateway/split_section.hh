// [split.NAME]: traffic that is shared by several upstreams, such as blue and green, or a canary.
#pragma once

#include <map>
#include <string>

#include "pkg/base/units.hh"
#include "pkg/config/table.hh"

namespace weir::gateway {

struct SplitSection {
  std::map<std::string, uint64_t> weights;
  std::string sticky_key;
  std::string force_header;
  std::string force_cookie;
  std::string canary;
  double canary_error_margin = 0.02;
  double canary_latency_factor = 2;
  uint64_t canary_minimum = 100;
  Duration canary_window = std::chrono::seconds(60);
  bool operator==(const SplitSection&) const = default;
};

config::Table<SplitSection> split_table();

}  // namespace weir::gateway
