// What the fields of a head say about its body and its connection, checked for contradictions. Shared by
// requests and responses.
#pragma once

#include "pkg/http/head.hh"

namespace weir::http {

struct FramingFields {
  std::optional<uint64_t> content_length;
  bool chunked = false;
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;  // Connection lists it
  bool names_fields = false;
  std::string_view upgrade_to;
};

std::optional<Refusal> read_framing(const FieldList& fields, bool is_http_1_0, FramingFields& out);

// "HTTP/1.0" or "HTTP/1.1"; nothing else is spoken here (505 where it looks like a version, 400 otherwise).
std::optional<Refusal> parse_version(std::string_view text, bool& is_http_1_0);

}  // namespace weir::http
