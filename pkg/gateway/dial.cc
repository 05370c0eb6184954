#include "pkg/gateway/dial.hh"

#include "pkg/transport/proxy_protocol.hh"

namespace weir::gateway {
namespace {

std::string proxy_header(SendProxy version, const Peer* client, const aio::Stream& server) {
  transport::ProxyHeader header;
  const auto destination = server.peer_address();
  const bool is_told =
      client != nullptr && client->has_address && destination && destination->kind == Address::Kind::ip;
  if (is_told) {
    header.kind = transport::ProxyHeader::Kind::stream;
    header.source.ip = client->address;
    header.source.port = client->port;
    header.destination = *destination;
  }
  std::string out;
  if (version == SendProxy::v1) {
    transport::append_proxy_v1(out, header);
  } else {
    transport::append_proxy_v2(out, header);
  }
  return out;
}

std::string tls_name(const Upstream& upstream, const Server& server) {
  if (!upstream.settings.tls_server_name.empty()) return upstream.settings.tls_server_name;
  const Address& address = server.address();
  return address.kind == Address::Kind::ip ? address.ip.to_string() : address.text;
}

}  // namespace

aio::Task<Result<aio::Stream>> dial(aio::Loop& loop, const Upstream& upstream, Server& server,
                                    const Peer* client, aio::FirstToSend first, aio::Deadline deadline) {
  const auto address = server.next_address();
  if (!address) co_return fail(Errc::unavailable, "the server's name does not resolve");
  const bool has_preamble = upstream.tls || upstream.settings.send_proxy != SendProxy::off;
  if (has_preamble) first = aio::FirstToSend::we;
  auto connected = co_await aio::connect(loop, *address, deadline, first);
  if (!connected) co_return connected;
  if (upstream.settings.send_proxy != SendProxy::off) {
    const std::string header = proxy_header(upstream.settings.send_proxy, client, *connected);
    auto sent = co_await connected->write(header, deadline);
    if (!sent) co_return std::unexpected(std::move(sent.error()));
  }
  if (upstream.tls) {
    const aio::TlsTarget target(tls_name(upstream, server), server.tls_sessions);
    auto agreed = co_await connected->start_tls(upstream.tls, deadline, target);
    if (!agreed) co_return std::unexpected(std::move(agreed.error()).context("TLS"));
    if (upstream.speaks_h2() && connected->tls().alpn != "h2")
      co_return fail(Errc::refused, "the server does not offer h2");
  }
  co_return connected;
}

std::shared_ptr<const health::Opening> opening_of(const Upstream& upstream, const Server& server) {
  auto opening = std::make_shared<health::Opening>();
  if (upstream.settings.send_proxy == SendProxy::v1) transport::append_proxy_v1(opening->preamble, {});
  if (upstream.settings.send_proxy == SendProxy::v2) transport::append_proxy_v2(opening->preamble, {});
  opening->tls = upstream.tls;
  if (upstream.tls) opening->tls_name = tls_name(upstream, server);
  const bool says_something = upstream.tls || !opening->preamble.empty();
  return says_something ? opening : nullptr;
}

}  // namespace weir::gateway
