// What the outputs say about a key, in one wording.
#pragma once

#include <string>
#include <vector>

#include "pkg/config/schema.hh"

namespace weir::config::detail {

// The default in TOML; empty where an optional key has none.
std::string default_text(const Schema& owner, const Entry& entry);
// Whether a default may stand in a file. It need not: an empty list may mean "none" where a file must name
// one.
bool can_be_written(const Entry& entry, const std::vector<Item>& items);
// What a sample shows for a key without a default: its example, or something of its type. TOML.
std::string example_text(const Entry& entry);
// Sentences: "Default: 30s.", "From 1s to 1h.", "Changing it needs a restart."
std::vector<std::string> facts(const Schema& owner, const Entry& entry);
// The name by which a map's element is shown in place of a real one.
std::string example_name(const Entry& entry);

// The doc of the top-level key that every daemon has.
inline constexpr std::string_view kIncludeDoc =
    "More files to read, as patterns relative to this file. Arrays of tables and named tables add up; one "
    "key "
    "set in two files is an error. Included files cannot include others.";

}  // namespace weir::config::detail
