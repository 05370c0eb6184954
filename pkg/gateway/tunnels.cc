// A worker's tunnels: connections that are passed on whole, or were upgraded (RFC 9110 7.8); and how they
// move to the process that takes over.

#include "pkg/gateway/worker.hh"

#include "pkg/aio/connect.hh"
#include "pkg/daemon/log.hh"
#include "pkg/gateway/handover.hh"

namespace weir::gateway {

aio::Task<TunnelOutcome> Worker::run_tunnel(aio::Stream& client, aio::Stream& upstream, TunnelRecord record) {
  const auto known = snapshot_->config.upstreams.find(record.upstream);
  const Duration idle_timeout = known == snapshot_->config.upstreams.end() ? UpstreamSection().tunnel_timeout
                                                                           : known->second.tunnel_timeout;
  aio::Tunnel tunnel(loop(), client, upstream, {.idle_timeout = idle_timeout}, std::move(record.to_upstream),
                     std::move(record.to_client));
  const auto place = tunnels_.insert(tunnels_.end(), &tunnel);
  if (pass_tunnel_) tunnel.release();
  auto end = co_await tunnel.run();
  tunnels_.erase(place);
  TunnelOutcome outcome{false, end.reason, tunnel.bytes_to_upstream(), tunnel.bytes_to_client()};
  if (end.reason != aio::TunnelEnd::Reason::released) co_return outcome;
  record.to_upstream = std::move(end.to_upstream);
  record.to_client = std::move(end.to_client);
  auto client_socket = aio::duplicate(client.descriptor());
  auto upstream_socket = aio::duplicate(upstream.descriptor());
  if (!client_socket || !upstream_socket) {
    log::error("a tunnel could not be passed on", {{"reason", "too many open files"}});
    co_return outcome;
  }
  pass_tunnel_({"", encode(record), std::move(*client_socket), std::move(*upstream_socket)});
  outcome.passed_on = true;
  co_return outcome;
}

void Worker::release_tunnels(std::function<void(daemon::PassedTunnel)> sink, std::function<void()> done) {
  pass_tunnel_ = std::move(sink);
  for (aio::Tunnel* tunnel : tunnels_) tunnel->release();
  done();  // but for those that begin from now on, which are passed on at once
}

aio::Task<> Worker::adopt_tunnel(daemon::PassedTunnel passed) {
  auto record = decode_tunnel(passed.bytes);
  auto client = aio::adopt(loop(), std::move(passed.client));
  auto upstream = aio::adopt(loop(), std::move(passed.upstream));
  if (record && client && upstream) {
    co_await run_tunnel(*client, *upstream, std::move(*record));
  } else {
    const Error& error = !record ? record.error() : !client ? client.error() : upstream.error();
    log::warn("a tunnel cannot go on here", {{"reason", error.message}});
  }
}

}  // namespace weir::gateway
