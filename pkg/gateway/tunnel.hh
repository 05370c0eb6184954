// After an upgrade (RFC 9110 7.8) the proxy knows nothing of what passes: bytes go both ways until both sides
// have finished, one of them fails, or nothing has moved in either direction for too long.
#pragma once

#include "pkg/aio/scope.hh"
#include "pkg/aio/stream.hh"

namespace weir::gateway {

// Both streams stay the caller's; what they had buffered is carried too.
aio::Task<> run_tunnel(aio::Loop& loop, aio::Stream& client, aio::Stream& upstream, Duration idle_timeout);

}  // namespace weir::gateway
