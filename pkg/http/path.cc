#include "pkg/http/path.hh"

#include <algorithm>
#include <cstring>

#include "pkg/base/text.hh"

namespace weir::http {
namespace {

constexpr bool is_unreserved(char c) {
  return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

// Characters that make the slow way necessary: an encoding, or a slash or dot behind a slash.
bool is_normal(std::string_view path) {
  char before = '\0';
  for (const char c : path) {
    if (c == '%' || c == '\\') return false;
    if (before == '/' && (c == '/' || c == '.')) return false;
    before = c;
  }
  return true;
}

bool decode(std::string_view path, std::string& out) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '\\') return false;
    if (path[i] != '%') {
      out += path[i];
      continue;
    }
    const auto code = path.size() - i > 2 ? parse_hex(path.substr(i + 1, 2)) : std::nullopt;
    if (!code) return false;
    const auto c = static_cast<char>(*code);
    if (*code < 0x20 || c == '/' || c == '\\' || c == 0x7f) return false;
    if (is_unreserved(c)) {
      out += c;
    } else {
      out += '%';
      out += kDigits[*code >> 4];
      out += kDigits[*code & 15];
    }
    i += 2;
  }
  return true;
}

// In place: what is kept never overtakes what is read.
bool remove_dot_segments(std::string& path) {
  size_t kept = 0;
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find('/', at + 1), path.size());
    const std::string_view segment = std::string_view(path).substr(at + 1, end - at - 1);
    const bool is_last = end == path.size();
    if (segment.starts_with(".;") || segment.starts_with("..;")) return false;
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
