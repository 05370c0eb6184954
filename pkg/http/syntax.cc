#include "pkg/http/syntax.hh"

#include <algorithm>

#include "pkg/base/address.hh"
#include "pkg/base/words.hh"

namespace weir::http {

bool is_field_value(std::string_view text) {
  const auto is_value_char = [](char c) { return kValueChars[static_cast<uint8_t>(c)]; };
  if (text.size() < words::kSize) return std::ranges::all_of(text, is_value_char);
  const size_t last = text.size() - words::kSize;
  for (size_t at = 0;; at = std::min(at + words::kSize, last)) {
    const uint64_t word = words::load(text.data() + at);
    const bool is_suspect = (words::below(word, 0x20) | words::equal(word, 0x7f)) != 0;  // a tab, perhaps
    if (is_suspect) return std::ranges::all_of(text, is_value_char);
    if (at == last) return true;
  }
}

bool is_target(std::string_view text) {
  size_t at = 0;
  for (; at + words::kSize <= text.size(); at += words::kSize) {
    const uint64_t word = words::load(text.data() + at);
    if ((word & words::kHighBits) != 0 || words::below(word, 0x21) != 0) return false;
    if ((words::equal(word, 0x7f) | words::equal(word, '#') | words::equal(word, '\\')) != 0) return false;
  }
  for (const char c : text.substr(at)) {
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
