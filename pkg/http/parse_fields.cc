#include <cstdint>

#include "pkg/http/head.hh"
#include "pkg/http/syntax.hh"

namespace weir::http {

namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// One field line without its CRLF.
std::optional<Refusal> parse_field(std::string_view line, Field& out) {
  if (!line.empty() && is_blank(line[0])) return Refusal{400, "a folded header field"};
  size_t end = 0;  // of the name
  while (end < line.size() && kTokenChars[static_cast<uint8_t>(line[end])]) ++end;
  if (end == line.size()) return Refusal{400, "a header field without a colon"};
  if (end == 0 || line[end] != ':')
    return Refusal{400, "a header field's name has characters that are not allowed"};
  out.name = line.substr(0, end);
  out.value = without_blanks(line.substr(end + 1));
  out.id = field_id(out.name);
  if (!is_field_value(out.value)) return Refusal{400, "a header field's value has control characters"};
  return std::nullopt;
}

}  // namespace

std::optional<Refusal> parse_fields(std::string_view lines, FieldList& out) {
  while (!lines.empty()) {
    const size_t end = lines.find('\n');
    if (end == std::string_view::npos || end == 0 || lines[end - 1] != '\r') {
      return Refusal{400, "a line ends without CR"};
    }
    Field field;
    if (const auto refusal = parse_field(lines.substr(0, end - 1), field)) return refusal;
    out.add(field);
    lines.remove_prefix(end + 1);
  }
  return std::nullopt;
}

}  // namespace weir::http
