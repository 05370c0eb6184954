#include "pkg/http/h2_lines.hh"

#include "pkg/base/text.hh"

namespace weir::http {

namespace {

// What is another for each message fills HPACK's table with entries that are never used again, through all of
// which nghttp2 then looks for each next one: that was a tenth of a small request's instructions.
uint8_t flags_of(FieldId id) {
  const bool is_unique = id == FieldId::x_request_id || id == FieldId::traceparent;
  return is_unique ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
}

}  // namespace

void H2Lines::add(std::string_view name, std::string_view value, FieldId id) {
  // nghttp2 copies both, and makes the name lower-case while it does.
  const auto bytes = [](std::string_view text) {
    return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(text.data()));
  };
  fields_.push_back({bytes(name), bytes(value), name.size(), value.size(), flags_of(id)});
}

void H2Lines::assign(std::span<const Field> pseudo, std::string_view lines) {
  fields_.clear();
  for (const Field& field : pseudo) add(field.name, field.value, field.id);
  while (!lines.empty()) {
    const size_t end = lines.find('\n');
    const size_t colon = lines.find(':');
    if (end == std::string_view::npos || colon >= end) break;
    const std::string_view name = lines.substr(0, colon);
    std::string_view value = lines.substr(colon + 1, end - colon - 1);
    if (value.ends_with('\r')) value.remove_suffix(1);
    value = trim(value);
    const FieldId id = field_id(name);
    if (!is_hop_by_hop(id) || (id == FieldId::te && value == "trailers")) add(name, value, id);
    lines.remove_prefix(end + 1);
  }
}

}  // namespace weir::http
