#include "pkg/base/text.hh"
#include "pkg/http/head.hh"
#include "pkg/http/syntax.hh"

namespace weir::http {

std::optional<Refusal> parse_fields(std::string_view lines, FieldList& out) {
  while (!lines.empty()) {
    const size_t end = lines.find('\n');
    if (end == std::string_view::npos || end == 0 || lines[end - 1] != '\r') {
      return Refusal{400, "a line ends without CR"};
    }
    const std::string_view line = lines.substr(0, end - 1);
    lines.remove_prefix(end + 1);
    if (line.starts_with(' ') || line.starts_with('\t')) return Refusal{400, "a folded header field"};
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return Refusal{400, "a header field without a colon"};
    const std::string_view name = line.substr(0, colon);
    if (!is_token(name)) return Refusal{400, "a header field's name has characters that are not allowed"};
    const std::string_view value = trim(line.substr(colon + 1));
    if (!is_field_value(value)) return Refusal{400, "a header field's value has control characters"};
    out.add({name, value, field_id(name)});
  }
  return std::nullopt;
}

}  // namespace weir::http
