#include "pkg/daemon/admin_access.hh"

#include <sys/socket.h>

#include "pkg/base/base64.hh"
#include "pkg/base/secret.hh"
#include "pkg/base/text.hh"

namespace weir::daemon {
namespace {

using Refused = std::optional<AdminRefusal>;

bool is_loopback(const IpAddress& ip) {
  static const Cidr v4 = *Cidr::parse("127.0.0.0/8");
  static const Cidr v6 = *Cidr::parse("::1");
  return v4.contains(ip) || v6.contains(ip);
}

// "localhost", "127.0.0.1", "[::1]", each with or without a port.
bool is_address_or_localhost(std::string_view host) {
  if (host.starts_with('[')) {
    const size_t close = host.find(']');
    return close != std::string_view::npos && IpAddress::parse(host.substr(1, close - 1)).has_value();
  }
  host = host.substr(0, host.rfind(':'));
  return iequals(host, "localhost") || IpAddress::parse(host).has_value();
}

Refused check_host(const http::RequestHead& head, const AdminPeer& peer, std::string_view token) {
  const bool must_be_address = token.empty() && peer.is_loopback && !head.host.empty();
  if (!must_be_address || is_address_or_localhost(head.host)) return std::nullopt;
  return AdminRefusal{403, "the Host is a name: where no admin.token is set, ask by address or as localhost"};
}

// Fetch metadata where the browser has it, the origin otherwise. What is not a browser sends neither.
Refused check_site(const http::RequestHead& head) {
  const AdminRefusal refusal{403, "the request comes from another site's page"};
  const auto site = head.fields.find("Sec-Fetch-Site");
  if (site && *site != "same-origin" && *site != "none") return refusal;
  const auto origin = head.fields.find("Origin");
  if (!origin) return std::nullopt;
  const bool is_ours = iequals(*origin, "http://" + std::string(head.host)) ||
                       iequals(*origin, "https://" + std::string(head.host));
  if (!is_ours) return refusal;
  return std::nullopt;
}

bool came_through_a_proxy(const http::RequestHead& head) {
  return head.fields.find(http::FieldId::forwarded) || head.fields.find(http::FieldId::x_forwarded_for);
}

bool is_json(const http::RequestHead& head) {
  const std::string_view type = head.fields.find("Content-Type").value_or("");
  return iequals(trim(type.substr(0, type.find(';'))), "application/json");
}

}  // namespace

AdminPeer admin_peer(const Address& address, int descriptor) {
  AdminPeer peer;
  if (address.kind == Address::Kind::ip) {
    peer.name = address.to_string();
    peer.is_loopback = is_loopback(address.ip);
    return peer;
  }
  peer.is_unix = true;
  ucred who{};
  socklen_t size = sizeof who;
  if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0)
    peer.name = "unix:uid=" + std::to_string(who.uid) + ",pid=" + std::to_string(who.pid);
  return peer;
}

std::optional<Credentials> parse_credentials(std::string_view authorization) {
  const size_t space = authorization.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const std::string_view scheme = authorization.substr(0, space);
  const std::string_view rest = trim(authorization.substr(space));
  if (iequals(scheme, "Bearer")) return Credentials{"", std::string(rest)};
  if (!iequals(scheme, "Basic")) return std::nullopt;
  const auto pair = decode_base64(rest);
  if (!pair) return std::nullopt;
  const size_t colon = pair->find(':');
  if (colon == std::string::npos) return std::nullopt;
  return Credentials{pair->substr(0, colon), pair->substr(colon + 1)};
}

std::optional<AdminRefusal> refuse_scrape(const http::RequestHead& head, std::string_view token) {
  if (token.empty()) return std::nullopt;
  const auto given = parse_credentials(head.fields.find(http::FieldId::authorization).value_or(""));
  if (given && equal_in_constant_time(given->token, token)) return std::nullopt;
  return AdminRefusal{
      401, "a token is wanted: Authorization: Bearer TOKEN, or any user name with the token as password"};
}

std::optional<AdminRefusal> refuse_read(const http::RequestHead& head, const AdminPeer& peer,
                                        std::string_view token) {
  if (auto refused = refuse_scrape(head, token)) return refused;
  return check_host(head, peer, token);
}

std::optional<AdminRefusal> refuse_stream(const http::RequestHead& head, const AdminPeer& peer,
                                          std::string_view token) {
  if (auto refused = refuse_read(head, peer, token)) return refused;
  return check_site(head);
}

std::optional<AdminRefusal> refuse_write(const http::RequestHead& head, const AdminPeer& peer,
                                         std::string_view token) {
  if (auto refused = refuse_stream(head, peer, token)) return refused;
  const bool is_here = (peer.is_unix || peer.is_loopback) && !came_through_a_proxy(head);
  if (token.empty() && !is_here)
    return AdminRefusal{403, "without an admin.token, changes are taken from this machine only"};
  if (!is_json(head)) return AdminRefusal{415, "the request must have Content-Type: application/json"};
  return std::nullopt;
}

}  // namespace weir::daemon
