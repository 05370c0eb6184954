#include "pkg/http/framing.hh"

#include "pkg/base/text.hh"
#include "pkg/http/list.hh"
#include "pkg/http/syntax.hh"

namespace weir::http {
namespace {

// Fields that a client must not be able to have dropped on the way by naming them in Connection: those that
// say what a message is, and those that an earlier proxy may have added to say whose it is.
bool is_end_to_end(std::string_view name) {
  const FieldId id = field_id(name);
  if (id == FieldId::transfer_encoding) return true;  // of one connection, but written by each hop itself
  if (id != FieldId::other) return !is_hop_by_hop(id) && id != FieldId::trailer;
  const auto begins_with = [name](std::string_view prefix) {
    return iequals(name.substr(0, prefix.size()), prefix);
  };
  return begins_with("content-") || begins_with("x-forwarded-") || iequals(name, "x-real-ip") ||
         iequals(name, "cache-control");
}

std::optional<Refusal> read_connection(std::string_view value, FramingFields& out) {
  for (const std::string_view option : ListItems(value)) {
    if (!is_token(option)) return Refusal{400, "a malformed Connection field"};
    if (iequals(option, "close")) {
      out.close = true;
    } else if (iequals(option, "keep-alive")) {
      out.keep_alive = true;
    } else if (iequals(option, "upgrade")) {
      out.upgrade = true;
    } else {
      out.names_fields = true;
      if (is_end_to_end(option))
        return Refusal{400, "Connection names a field that is not of one connection"};
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<Refusal> read_framing(const FieldList& fields, bool is_http_1_0, FramingFields& out) {
  bool has_transfer_encoding = false;
  for (const Field& field : fields) {
    switch (field.id) {
      case FieldId::content_length: {
        if (out.content_length) return Refusal{400, "more than one Content-Length"};
        const auto length = parse_uint(field.value);
        if (!length || *length > INT64_MAX) return Refusal{400, "a Content-Length that is no number"};
        out.content_length = length;
        break;
      }
      case FieldId::transfer_encoding:
        if (has_transfer_encoding) return Refusal{400, "more than one Transfer-Encoding"};
        if (is_http_1_0) return Refusal{400, "Transfer-Encoding in HTTP/1.0"};
        if (!iequals(field.value, "chunked")) return Refusal{400, "a Transfer-Encoding other than chunked"};
        has_transfer_encoding = true;
        break;
      case FieldId::connection:
        if (const auto refusal = read_connection(field.value, out)) return refusal;
        break;
      case FieldId::upgrade:
        out.upgrade_to = field.value;
        break;
      default:
        break;
    }
  }
  if (has_transfer_encoding && out.content_length)
    return Refusal{400, "both Content-Length and Transfer-Encoding"};
  out.chunked = has_transfer_encoding;
  return std::nullopt;
}

std::optional<Refusal> parse_version(std::string_view text, bool& is_http_1_0) {
  is_http_1_0 = text == "HTTP/1.0";
  if (is_http_1_0 || text == "HTTP/1.1") return std::nullopt;
  const bool looks_like_one = text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) &&
                              text[6] == '.' && is_digit(text[7]);
  return looks_like_one ? Refusal{505, "a version of HTTP other than 1.0 and 1.1"}
                        : Refusal{400, "a malformed HTTP version"};
}

}  // namespace weir::http
