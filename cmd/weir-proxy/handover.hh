// What the proxy gives to the process that takes over from it, as bytes: the state of its breakers, and
// tunnels.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cmd/weir-proxy/upstream.hh"
#include "pkg/aio/tunnel.hh"

namespace weir::proxy {

std::string save_breakers(const std::vector<std::shared_ptr<Upstream>>& upstreams);
// Servers that are no more are left out. Errors: invalid; then some may be restored.
Result<> restore_breakers(std::string_view saved, const std::vector<std::shared_ptr<Upstream>>& upstreams);

// A tunnel without its sockets.
struct TunnelRecord {
  std::string upstream;  // whose tunnel_timeout it is under
  aio::TunnelRest to_upstream;
  aio::TunnelRest to_client;
};

std::string encode(const TunnelRecord& record);
Result<TunnelRecord> decode_tunnel(std::string_view bytes);

}  // namespace weir::proxy
