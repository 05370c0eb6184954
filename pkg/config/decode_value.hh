// One TOML value to the Raw of a key.
#pragma once

#include <expected>
#include <string>

#include "pkg/config/document.hh"
#include "pkg/config/schema.hh"

namespace weir::config::detail {

struct Mismatch {
  std::string message;
  std::string suggestion;
};

// Type and bounds; what a text means is the business of its parse function.
std::expected<Raw, Mismatch> decode_value(const Entry& entry, const Node& node);

// "a duration such as \"30s\"": what a key takes, in a sentence.
std::string expectation(const Entry& entry);
// The range that bounds and the C++ type leave: "from 1 to 100", "at least 0", or nothing.
std::string range_text(const Entry& entry);
// The names of a choice: `"a", "b"`.
std::string choice_list(const Entry& entry);

}  // namespace weir::config::detail
