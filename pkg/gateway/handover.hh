// What the proxy gives to the process that takes over from it, as bytes: the state of its breakers, and
// tunnels.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pkg/aio/tunnel.hh"
#include "pkg/gateway/upstream.hh"

namespace weir::gateway {

std::string save_breakers(const std::vector<std::shared_ptr<Upstream>>& upstreams);
// Servers that are no more are left out. Errors: invalid; then some may be restored.
Result<> restore_breakers(std::string_view saved, const std::vector<std::shared_ptr<Upstream>>& upstreams);

// A tunnel without its sockets.
struct TunnelRecord {
  std::string upstream;  // whose tunnel_timeout it is under
  aio::TunnelRest to_upstream;
  aio::TunnelRest to_client;
};

// How a tunnel ended here.
struct TunnelOutcome {
  bool passed_on = false;  // another process goes on with it: the sockets are not to be shut down
  aio::TunnelEnd::Reason reason = aio::TunnelEnd::Reason::finished;
  uint64_t bytes_in = 0;   // from the client
  uint64_t bytes_out = 0;  // to it
};

std::string encode(const TunnelRecord& record);
Result<TunnelRecord> decode_tunnel(std::string_view bytes);

}  // namespace weir::gateway
