#include "pkg/http/path.hh"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "pkg/base/text.hh"

namespace weir::http {
namespace {

constexpr bool is_unreserved(char c) {
  return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

// What may stand in a path unencoded: a URI's characters and those that browsers leave as they are.
constexpr auto kRawChars = [] {
  std::array<bool, 256> table{};
  for (int c = 0x21; c < 0x7f; ++c) table[c] = c != '%' && c != '\\' && c != '?' && c != '#';
  return table;
}();

// What makes the slow way necessary: an encoding, a slash or dot behind a slash, or what is to be refused.
bool is_normal(std::string_view path) {
  char before = '\0';
  for (const char c : path) {
    if (!kRawChars[static_cast<uint8_t>(c)]) return false;
    if (before == '/' && (c == '/' || c == '.')) return false;
    before = c;
  }
  return true;
}

// Whether an encoded byte continues a UTF-8 sequence that is longer than it must be (RFC 3629 3): some
// decoders make a dot of C0 AE, or a slash of E0 80 AF.
constexpr bool is_overlong(uint8_t first, uint8_t second) {
  if (second < 0x80 || second > 0xbf) return false;
  return first == 0xc0 || first == 0xc1 || (first == 0xe0 && second < 0xa0) ||
         (first == 0xf0 && second < 0x90);
}

bool is_hidden_separator(uint8_t code) {
  return code < 0x20 || code == 0x7f || code == '/' || code == '\\';
}

bool decode(std::string_view path, std::string& out) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  uint8_t before = 0;  // the encoded byte just in front, if there was one
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      if (!kRawChars[static_cast<uint8_t>(path[i])]) return false;
      out += path[i];
      before = 0;
      continue;
    }
    const auto digits = path.size() - i > 2 ? parse_hex(path.substr(i + 1, 2)) : std::nullopt;
    if (!digits) return false;
    const auto code = static_cast<uint8_t>(*digits);
    if (is_hidden_separator(code) || is_overlong(before, code)) return false;
    if (is_unreserved(static_cast<char>(code))) {
      out += static_cast<char>(code);
    } else {
      out += '%';
      out += kDigits[code >> 4];
      out += kDigits[code & 15];
    }
    before = code;
    i += 2;
  }
  return true;
}

// "..;x" is a parent to servers that cut parameters off first (Tomcat), a name to others; so is "..%3Bx" to
// those that decode before they cut.
bool is_dot_with_parameters(std::string_view segment) {
  const size_t dots = std::min(segment.find_first_not_of('.'), segment.size());
  const std::string_view rest = segment.substr(dots);
  return (dots == 1 || dots == 2) && (rest.starts_with(';') || rest.starts_with("%3B"));
}

// In place: what is kept never overtakes what is read.
bool remove_dot_segments(std::string& path) {
  size_t kept = 0;
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find('/', at + 1), path.size());
    const std::string_view segment = std::string_view(path).substr(at + 1, end - at - 1);
    const bool is_last = end == path.size();
    if (is_dot_with_parameters(segment)) return false;
    if (segment == ".." && kept == 0) return false;
    if (segment == "..") kept = path.rfind('/', kept - 1);
    const bool dropped = segment == "." || segment == ".." || (segment.empty() && !is_last);
    if (dropped) {
      if (is_last) path[kept++] = '/';
    } else {
      memmove(path.data() + kept, path.data() + at, end - at);
      kept += end - at;
    }
    at = end;
  }
  path.resize(kept);
  return true;
}

}  // namespace

std::optional<std::string_view> normalise_path(std::string_view path, std::string& storage) {
  if (!path.starts_with('/')) return std::nullopt;
  if (is_normal(path)) return path;
  storage.clear();
  if (!decode(path, storage) || !remove_dot_segments(storage)) return std::nullopt;
  return storage;
}

}  // namespace weir::http
