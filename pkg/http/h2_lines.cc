#include "pkg/http/h2_lines.hh"

#include "pkg/base/text.hh"

namespace weir::http {

void H2Lines::add(std::string_view name, std::string_view value) {
  // nghttp2 copies both, and makes the name lower-case while it does.
  const auto bytes = [](std::string_view text) {
    return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(text.data()));
  };
  fields_.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
}

void H2Lines::assign(std::span<const Field> pseudo, std::string_view lines) {
  fields_.clear();
  for (const Field& field : pseudo) add(field.name, field.value);
  while (!lines.empty()) {
    const size_t end = lines.find('\n');
    const size_t colon = lines.find(':');
    if (end == std::string_view::npos || colon >= end) break;
    const std::string_view name = lines.substr(0, colon);
    std::string_view value = lines.substr(colon + 1, end - colon - 1);
    if (value.ends_with('\r')) value.remove_suffix(1);
    value = trim(value);
    const FieldId id = field_id(name);
    if (!is_hop_by_hop(id) || (id == FieldId::te && value == "trailers")) add(name, value);
    lines.remove_prefix(end + 1);
  }
}

}  // namespace weir::http
