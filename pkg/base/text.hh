// Text: the small parsing and formatting that configs, headers and command lines need. ASCII only where
// case matters; no locale, no allocation unless a string is returned.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_alpha(char c) {
  return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

bool iequals(std::string_view a, std::string_view b);  // equal but for ASCII case
std::string to_lower(std::string_view text);
std::string_view trim(std::string_view text);  // without spaces and tabs at both ends

// The parts between separators, empty ones included; "" has one empty part.
std::vector<std::string_view> split(std::string_view text, char separator);
std::string join(std::span<const std::string> parts, std::string_view separator);

// Digits only (no sign, no space, no overflow).
std::optional<uint64_t> parse_uint(std::string_view text);
// Hexadecimal digits only, upper or lower case, at least one, no overflow.
std::optional<uint64_t> parse_hex(std::string_view text);

void append_uint(std::string& out, uint64_t value);
void append_hex(std::string& out, std::span<const uint8_t> bytes);  // two lower-case digits a byte

// How many single-character insertions, deletions, replacements or swaps of neighbours lie between two
// words (optimal string alignment distance).
size_t edit_distance(std::string_view a, std::string_view b);
// The candidate a person most likely meant by `word`, or nothing when none is near.
std::optional<std::string_view> did_you_mean(std::string_view word,
                                             std::span<const std::string_view> candidates);

}  // namespace weir
