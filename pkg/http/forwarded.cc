#include "pkg/http/forwarded.hh"

#include <algorithm>
#include <optional>

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
    return end == std::string_view::npos ? std::nullopt : IpAddress::parse(text.substr(1, end - 1));
  }
  const size_t colon = text.find(':');
  const bool is_v4_with_port =
      colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos;
  return IpAddress::parse(is_v4_with_port ? text.substr(0, colon) : text);
}

// The node of one element of Forwarded: the value of its "for".
std::string_view for_parameter(std::string_view element) {
  for (std::string_view pair : split(element, ';')) {
    pair = trim(pair);
    if (pair.size() < 4 || !iequals(pair.substr(0, 4), "for=")) continue;
    pair.remove_prefix(4);
    const bool quoted = pair.size() > 1 && pair.front() == '"' && pair.back() == '"';
    return quoted ? pair.substr(1, pair.size() - 2) : pair;
  }
  return {};
}

}  // namespace

IpAddress find_client(const FieldList& fields, const IpAddress& peer, std::span<const Cidr> trusted) {
  if (trusted.empty() || !is_trusted(peer, trusted)) return peer;
  const FieldId id = fields.find(FieldId::x_forwarded_for) ? FieldId::x_forwarded_for : FieldId::forwarded;
  std::string chain;  // several lines are one list (RFC 9110 5.3)
  for (const Field& field : fields) {
    if (field.id != id) continue;
    if (!chain.empty()) chain += ',';
    chain += field.value;
  }
  IpAddress client = peer;
  const auto hops = split(chain, ',');
  for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
    const std::string_view node = id == FieldId::forwarded ? for_parameter(*hop) : trim(*hop);
    const auto address = parse_node(node);
    if (!address) break;  // "unknown", or nonsense: nothing before it can be believed
    client = *address;
    if (!is_trusted(client, trusted)) break;
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
