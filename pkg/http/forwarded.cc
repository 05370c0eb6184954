#include "pkg/http/forwarded.hh"

#include <algorithm>
#include <optional>
#include <utility>

#include "pkg/base/text.hh"
#include "pkg/http/syntax.hh"

namespace weir::http {
namespace {

bool is_trusted(const IpAddress& address, std::span<const Cidr> trusted) {
  return std::ranges::any_of(trusted, [&](const Cidr& range) { return range.contains(address); });
}

// "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]:4711".
std::optional<IpAddress> parse_node(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view port = text.substr(end + 1);
    return port.empty() || port.starts_with(':') ? IpAddress::parse(text.substr(1, end - 1)) : std::nullopt;
  }
  const size_t colon = text.find(':');
  const bool is_v4_with_port =
      colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos;
  return IpAddress::parse(is_v4_with_port ? text.substr(0, colon) : text);
}

bool is_escaped(std::string_view text, size_t at) {
  size_t backslashes = 0;
  while (backslashes < at && text[at - 1 - backslashes] == '\\') ++backslashes;
  return backslashes % 2 == 1;
}

// Takes the part behind the last `separator` that stands in no quoted string. From the right, because there
// stands what trusted proxies wrote: a quote that a client left open on the left moves nothing there.
std::string_view take_last(std::string_view& list, char separator) {
  bool quoted = false;
  for (size_t at = list.size(); at > 0;) {
    const char c = list[--at];
    if (c == '"' && !is_escaped(list, at)) quoted = !quoted;
    if (c != separator || quoted) continue;
    const std::string_view part = list.substr(at + 1);
    list = list.substr(0, at);
    return trim(part);
  }
  return trim(std::exchange(list, {}));
}

// The node of one element of Forwarded: the value of its "for". Quotes that don't match hide it.
std::string_view for_parameter(std::string_view element) {
  while (!element.empty()) {
    std::string_view pair = take_last(element, ';');
    if (pair.size() < 4 || !iequals(pair.substr(0, 4), "for=")) continue;
    pair.remove_prefix(4);
    const bool quoted = pair.size() > 1 && pair.front() == '"' && pair.back() == '"';
    return quoted ? pair.substr(1, pair.size() - 2) : pair;
  }
  return {};
}

// Goes on from `client` through the hops of one field line, the last first. False where that ends: at a hop
// that is not trusted, or that tells no address ("unknown", or nonsense), before which nothing can be
// believed.
bool follow(std::string_view line, FieldId id, std::span<const Cidr> trusted, IpAddress& client) {
  while (!line.empty()) {
    const std::string_view hop = take_last(line, ',');
    if (hop.empty()) continue;
    const auto address = parse_node(id == FieldId::forwarded ? for_parameter(hop) : hop);
    if (!address) return false;
    client = *address;
    if (!is_trusted(client, trusted)) return false;
  }
  return true;
}

}  // namespace

IpAddress find_client(const FieldList& fields, const IpAddress& peer, std::span<const Cidr> trusted) {
  IpAddress client = peer;
  if (trusted.empty() || !is_trusted(peer, trusted)) return client;
  const FieldId id = fields.find(FieldId::x_forwarded_for) ? FieldId::x_forwarded_for : FieldId::forwarded;
  // Several lines are one list (RFC 9110 5.3).
  for (auto field = fields.end(); field != fields.begin();) {
    --field;
    if (field->id == id && !follow(field->value, id, trusted, client)) break;
  }
  return client;
}

void append_forwarded_element(std::string& out, const IpAddress& peer, std::string_view host,
                              std::string_view proto) {
  out += "for=";
  if (peer.is_v4()) {
    peer.append_to(out);
  } else {
    out += "\"[";
    peer.append_to(out);
    out += "]\"";
  }
  if (!host.empty()) {
    const bool quote = !is_token(host);
    out += ";host=";
    if (quote) out += '"';
    out += host;
    if (quote) out += '"';
  }
  out += ";proto=";
  out += proto;
}

}  // namespace weir::http
