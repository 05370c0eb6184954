#include "pkg/http/syntax.hh"

#include "pkg/base/address.hh"

namespace weir::http {

bool is_target(std::string_view text) {
  for (const char c : text) {
    if (c <= 0x20 || c >= 0x7f || c == '#' || c == '\\') return false;
  }
  return !text.empty();
}

bool is_host(std::string_view text) {
  size_t end = 0;
  if (text.starts_with('[')) {
    end = text.find(']');
    if (end == std::string_view::npos) return false;
    const auto ip = IpAddress::parse(text.substr(1, end - 1));
    if (!ip || text.substr(1, end - 1).find(':') == std::string_view::npos) return false;
    ++end;
  } else {
    while (end < text.size() && (is_alpha(text[end]) || is_digit(text[end]) || text[end] == '-' ||
                                 text[end] == '.' || text[end] == '_')) {
      ++end;
    }
    if (end == 0) return false;
  }
  if (end == text.size()) return true;
  const auto port = parse_uint(text.substr(end + 1));
  return text[end] == ':' && (end + 1 == text.size() || (port && *port <= 65535));
}

}  // namespace weir::http
