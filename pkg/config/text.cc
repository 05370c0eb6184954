#include "pkg/config/text.hh"

#include <charconv>
#include <cmath>

#include "pkg/base/text.hh"
#include "pkg/base/units.hh"

namespace weir::config::detail {
namespace {

uint8_t byte_at(std::string_view text, size_t at) {
  return at < text.size() ? static_cast<uint8_t>(text[at]) : 0;
}

// The length of the sequence at the front, or 0 where there is none. Table 3-7 of the Unicode standard.
size_t sequence_length(std::string_view text) {
  const uint8_t first = byte_at(text, 0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  uint8_t low = 0x80;
  uint8_t high = 0xbf;
  if (first == 0xe0) low = 0xa0;
  if (first == 0xed) high = 0x9f;
  if (first == 0xf0) low = 0x90;
  if (first == 0xf4) high = 0x8f;
  if (first < 0xc2 || first > 0xf4 || byte_at(text, 1) < low || byte_at(text, 1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((byte_at(text, i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

bool is_bare(std::string_view key) {
  for (const char c : key) {
    if (!is_alpha(c) && !is_digit(c) && c != '_' && c != '-') return false;
  }
  return !key.empty();
}

std::string number_text(double value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  std::string text(buffer, end);
  // Only a point or an exponent makes it a TOML float.
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

std::string choice_name(const Entry& entry, int64_t value) {
  for (const auto& [name, number] : entry.choices) {
    if (number == value) return name;
  }
  return {};
}

}  // namespace

size_t valid_utf8(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t length = sequence_length(text.substr(at));
    if (length == 0) break;
    at += length;
  }
  return at;
}

Position position(std::string_view text, size_t offset) {
  Position result{1, 1};
  for (const char c : text.substr(0, offset)) {
    if (c == '\n') {
      ++result.line;
      result.column = 1;
    } else if ((static_cast<uint8_t>(c) & 0xc0) != 0x80) {
      ++result.column;
    }
  }
  return result;
}

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      append_hex(out, {&byte, 1});
    } else {
      out += c;
    }
  }
  return out += '"';
}

std::string toml_key(std::string_view text) {
  return is_bare(text) ? std::string(text) : toml_string(text);
}

std::string quoted(std::string_view text) {
  constexpr size_t kLongest = 64;
  if (text.size() <= kLongest) return toml_string(text);
  text = text.substr(0, kLongest);
  return toml_string(text.substr(0, valid_utf8(text))) + "...";
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = sequence_length(text);
    const uint8_t first = byte_at(text, 0);
    const bool control = first < 0x20 || first == 0x7f || (first == 0xc2 && byte_at(text, 1) < 0xa0);
    if (first == '\t') {
      out += ' ';
    } else if (length == 0 || control) {
      out += '?';
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out;
}

std::string plain_value(const Entry& entry, const Raw& value) {
  switch (entry.kind) {
    case Kind::boolean:
      return std::get<bool>(value) ? "true" : "false";
    case Kind::integer:
      return std::to_string(std::get<int64_t>(value));
    case Kind::number:
      return number_text(std::get<double>(value));
    case Kind::duration:
      return format_duration(Duration{std::get<int64_t>(value)});
    case Kind::bytes:
      return format_bytes({static_cast<uint64_t>(std::get<int64_t>(value))});
    case Kind::choice:
      return choice_name(entry, std::get<int64_t>(value));
    case Kind::string:
    case Kind::text:
      return std::get<std::string>(value);
  }
  return {};
}

std::string toml_value(const Entry& entry, const Raw& value) {
  const std::string text = plain_value(entry, value);
  const bool bare = entry.kind == Kind::boolean || entry.kind == Kind::integer || entry.kind == Kind::number;
  return bare ? text : toml_string(text);
}

std::string toml_values(const Entry& entry, const std::vector<Item>& items) {
  if (entry.shape == Shape::one || entry.shape == Shape::optional) {
    return items.empty() ? std::string() : toml_value(entry, items[0].value);
  }
  const bool map = entry.shape == Shape::map;
  if (items.empty()) return map ? "{}" : "[]";
  std::string out = map ? "{ " : "[";
  for (const Item& item : items) {
    if (&item != items.data()) out += ", ";
    if (map) out += toml_key(item.key) + " = ";
    out += toml_value(entry, item.value);
  }
  return out += map ? " }" : "]";
}

std::vector<std::string> fill(std::string_view text, size_t width) {
  std::vector<std::string> lines;
  for (const std::string_view paragraph : split(text, '\n')) {
    std::string line;
    for (const std::string_view word : split(paragraph, ' ')) {
      if (word.empty()) continue;
      if (!line.empty() && line.size() + 1 + word.size() > width) lines.push_back(std::exchange(line, {}));
      if (!line.empty()) line += ' ';
      line += word;
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace weir::config::detail
