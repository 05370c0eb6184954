#include "pkg/base/text.hh"
#include "pkg/http/framing.hh"
#include "pkg/http/syntax.hh"

namespace weir::http {
namespace {

// HTTP-version SP 3DIGIT [ SP reason ] (RFC 9112 4). The space is often left out before an empty reason.
std::optional<Refusal> parse_status_line(std::string_view line, ResponseHead& out) {
  constexpr Refusal kMalformed{502, "a malformed status line"};
  if (line.size() < 12 || line[8] != ' ') return kMalformed;
  if (parse_version(line.substr(0, 8), out.is_http_1_0))
    return Refusal{502, "a version of HTTP other than 1.0 and 1.1"};
  const auto status = parse_uint(line.substr(9, 3));
  if (!status || *status < 100 || *status > 599) return kMalformed;
  if (line.size() > 12 && line[12] != ' ') return kMalformed;
  out.status = static_cast<int>(*status);
  out.reason = line.size() > 13 ? line.substr(13) : std::string_view();
  if (!is_field_value(out.reason)) return kMalformed;
  return std::nullopt;
}

// RFC 9112 6.3.
Framing framing_of(const FramingFields& fields, Method request, int status) {
  const bool never_has_body = request == Method::head || status < 200 || status == 204 || status == 304;
  if (never_has_body) return {};
  if (fields.chunked) return {BodyKind::chunked, 0};
  if (!fields.content_length) return {BodyKind::until_close, 0};
  if (*fields.content_length == 0) return {};
  return {BodyKind::length, *fields.content_length};
}

}  // namespace

std::optional<Refusal> parse_response_head(std::string_view head, Method request, ResponseHead& out) {
  out.clear();
  const size_t line_end = head.find("\r\n");
  if (line_end == std::string_view::npos || head.size() < line_end + 4)
    return Refusal{502, "an incomplete head"};
  FramingFields framing;
  if (auto refusal = parse_status_line(head.substr(0, line_end), out)) return refusal;
  const std::string_view lines = head.substr(line_end + 2, head.size() - line_end - 4);
  if (auto refusal = parse_fields(lines, out.fields)) return refusal;
  if (auto refusal = read_framing(out.fields, out.is_http_1_0, framing)) return refusal;
  const bool claims_body = framing.chunked || framing.content_length.value_or(0) > 0;
  if (out.status < 200 && claims_body) return Refusal{502, "an interim response with a body"};
  out.framing = framing_of(framing, request, out.status);
  // A 204 that claims a body may be followed by one, which the next answer would be mistaken for (RFC
  // 9112 6.3).
  const bool end_is_known = out.framing.kind != BodyKind::until_close && !(out.status == 204 && claims_body);
  out.keep_alive = !framing.close && (!out.is_http_1_0 || framing.keep_alive) && end_is_known;
  out.connection_names_fields = framing.names_fields;
  if (framing.upgrade) out.upgrade = framing.upgrade_to;
  return std::nullopt;
}

}  // namespace weir::http
