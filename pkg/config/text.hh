// Text as the config engine needs it: UTF-8, TOML's spelling of values, lines fit for a terminal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/config/schema.hh"

namespace weir::config::detail {

// The length of the longest prefix that is valid UTF-8 (RFC 3629).
size_t valid_utf8(std::string_view text);

struct Position {
  uint32_t line;
  uint32_t column;  // in code points
};
// Of the byte at `offset`, both from 1.
Position position(std::string_view text, size_t offset);

std::string toml_string(std::string_view text);  // with its quotes
std::string toml_key(std::string_view text);     // bare where it may be
// A name in a message: quoted, escaped, cut where it is absurdly long.
std::string quoted(std::string_view text);
// With everything that could steer a terminal replaced by '?', and tabs by a space.
std::string printable(std::string_view text);

// One value in TOML, and as a person would say it in a sentence (a string without its quotes).
std::string toml_value(const Entry& entry, const Raw& value);
std::string plain_value(const Entry& entry, const Raw& value);
// All values of a key in TOML: `"a"`, `["a", "b"]`, `{ "X-A" = "b" }`; nothing for an unset optional.
std::string toml_values(const Entry& entry, const std::vector<Item>& items);

// Words filled into lines of at most `width` columns. A line break in `text` stays one.
std::vector<std::string> fill(std::string_view text, size_t width);

}  // namespace weir::config::detail
