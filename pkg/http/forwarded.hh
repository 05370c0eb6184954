// Who the client is, and what the upstream is told of it: X-Forwarded-For, -Proto, -Host and Forwarded
// (RFC 7239).
#pragma once

#include <span>
#include <string>

#include "pkg/base/address.hh"
#include "pkg/http/message.hh"

namespace weir::http {

// The client behind a chain of proxies: from the peer backwards through X-Forwarded-For (or Forwarded, where
// there is no X-Forwarded-For), the first address that is not trusted. An untrusted peer is the client.
// Empty list items are passed over; a hop that tells no address ends the walk at the hop behind it. Allocates
// nothing. X-Forwarded-For is believed first: a trusted proxy that writes only Forwarded must remove it.
IpAddress find_client(const FieldList& fields, const IpAddress& peer, std::span<const Cidr> trusted);

// What a field value of Forwarded says of this hop: for=192.0.2.1;host=example.com;proto=http
// IPv6 addresses and hosts with ports are quoted (RFC 7239 4 and 6).
void append_forwarded_element(std::string& out, const IpAddress& peer, std::string_view host,
                              std::string_view proto);

}  // namespace weir::http
