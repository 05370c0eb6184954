#include "pkg/base/text.hh"
#include "pkg/http/framing.hh"
#include "pkg/http/list.hh"
#include "pkg/http/syntax.hh"

namespace weir::http {
namespace {

// The four forms of a target (RFC 9112 3.2). `authority` is what an absolute form says the host is.
std::optional<Refusal> parse_target(RequestHead& out, std::string_view& authority) {
  constexpr Refusal kMalformed{400, "a malformed request target"};
  const std::string_view target = out.target;
  if (!is_target(target)) return kMalformed;
  if (out.method == Method::connect) {
    authority = target;
    return is_host(target) && target.find(':') != std::string_view::npos ? std::nullopt
                                                                         : std::optional(kMalformed);
  }
  if (target.starts_with('/')) {
    split_target(target, out);
    return std::nullopt;
  }
  if (target == "*") {
    out.path = target;
    return out.method == Method::options ? std::nullopt : std::optional(kMalformed);
  }
  const size_t colon = target.find("://");
  const std::string_view scheme = target.substr(0, colon);
  if (colon == std::string_view::npos || (!iequals(scheme, "http") && !iequals(scheme, "https")))
    return kMalformed;
  const std::string_view rest = target.substr(colon + 3);
  const size_t end = std::min(rest.find_first_of("/?"), rest.size());
  authority = rest.substr(0, end);
  if (!is_host(authority)) return kMalformed;
  split_target(rest.substr(end), out);
  // RFC 9112 3.2.4: OPTIONS for a URI that has neither path nor query asks about the server.
  if (out.path.empty()) out.path = out.method == Method::options && !out.has_query ? "*" : "/";
  return std::nullopt;
}

std::optional<Refusal> parse_host(RequestHead& out, std::string_view authority) {
  bool found = false;
  for (const Field& field : out.fields) {
    if (field.id != FieldId::host) continue;
    if (found) return Refusal{400, "more than one Host"};
    found = true;
    out.host = field.value;
  }
  if (!found && !out.is_http_1_0) return Refusal{400, "no Host"};
  if (found && !is_host(out.host)) return Refusal{400, "a malformed Host"};
  if (found && !authority.empty() && !iequals(out.host, authority)) {
    return Refusal{400, "Host differs from the request target's"};
  }
  if (!found) out.host = authority;
  return std::nullopt;
}

std::optional<Refusal> parse_request_line(std::string_view line, RequestHead& out) {
  const size_t first = line.find(' ');
  const size_t second = line.find(' ', first == std::string_view::npos ? first : first + 1);
  if (second == std::string_view::npos) return Refusal{400, "a malformed request line"};
  out.method_text = line.substr(0, first);
  out.target = line.substr(first + 1, second - first - 1);
  if (!is_token(out.method_text)) return Refusal{400, "a malformed method"};
  out.method = method_of(out.method_text);
  return parse_version(line.substr(second + 1), out.is_http_1_0);
}

std::optional<Refusal> parse_expect(RequestHead& out) {
  const auto expect = out.fields.find(FieldId::expect);
  if (!expect || out.is_http_1_0) return std::nullopt;
  if (!iequals(*expect, "100-continue")) return Refusal{417, "an Expect other than 100-continue"};
  out.expects_continue = out.framing.kind != BodyKind::none;
  return std::nullopt;
}

// Protocols in which HTTP would go on behind the upgrade, unread by us: requests in them would pass every
// route and limit by.
bool hides_http(std::string_view upgrade) {
  for (const std::string_view protocol : ListItems(upgrade)) {
    const std::string_view name = protocol.substr(0, protocol.find('/'));
    if (iequals(name, "h2c") || iequals(name, "http") || iequals(name, "tls")) return true;
  }
  return false;
}

}  // namespace

std::optional<Refusal> parse_request_head(std::string_view head, RequestHead& out) {
  out.clear();
  if (head.starts_with("\r\n")) head.remove_prefix(2);
  const size_t line_end = head.find("\r\n");
  if (line_end == std::string_view::npos || head.size() < line_end + 4)
    return Refusal{400, "an incomplete head"};
  std::string_view authority;
  FramingFields framing;
  if (auto refusal = parse_request_line(head.substr(0, line_end), out)) return refusal;
  if (auto refusal = parse_target(out, authority)) return refusal;
  const std::string_view lines = head.substr(line_end + 2, head.size() - line_end - 4);
  if (auto refusal = parse_fields(lines, out.fields)) return refusal;
  if (auto refusal = parse_host(out, authority)) return refusal;
  if (auto refusal = read_framing(out.fields, out.is_http_1_0, framing)) return refusal;
  if (framing.chunked) {
    out.framing.kind = BodyKind::chunked;
  } else if (framing.content_length.value_or(0) > 0) {
    out.framing = {BodyKind::length, *framing.content_length};
  }
  out.keep_alive = !framing.close && (!out.is_http_1_0 || framing.keep_alive);
  out.connection_names_fields = framing.names_fields;
  // RFC 9110 7.8: an Upgrade in HTTP/1.0 is ignored; so is one that Connection doesn't list. Any may be.
  const bool upgrades = framing.upgrade && !out.is_http_1_0 && !hides_http(framing.upgrade_to);
  if (upgrades) out.upgrade = framing.upgrade_to;
  return parse_expect(out);
}

}  // namespace weir::http
