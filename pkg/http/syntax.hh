// Character classes of RFC 9110 5.6.2 and 5.5, as tables, and what a request may name in whatever version.
#pragma once

#include <array>
#include <string_view>

#include "pkg/base/text.hh"

namespace weir::http {

constexpr auto kTokenChars = [] {
  std::array<bool, 256> table{};
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<uint8_t>(c)] = true;
  for (int c = 0; c < 256; ++c)
    table[c] = table[c] || is_digit(static_cast<char>(c)) || is_alpha(static_cast<char>(c));
  return table;
}();

// Visible characters, space, tab and obs-text: no control character can be in a field's value.
constexpr auto kValueChars = [] {
  std::array<bool, 256> table{};
  for (int c = 0; c < 256; ++c) table[c] = (c >= 0x20 && c != 0x7f) || c == '\t';
  return table;
}();

constexpr bool is_token(std::string_view text) {
  for (const char c : text) {
    if (!kTokenChars[static_cast<uint8_t>(c)]) return false;
  }
  return !text.empty();
}

bool is_field_value(std::string_view text);

// A URI's characters (RFC 3986) and those that browsers send unencoded; no space, control, "#", "\" or
// byte beyond ASCII.
bool is_target(std::string_view text);

// uri-host [ ":" port ] (RFC 9110 7.2), a name, an IPv4 address or an IPv6 address in brackets.
bool is_host(std::string_view text);

}  // namespace weir::http
