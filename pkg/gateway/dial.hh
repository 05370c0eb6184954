// Connecting to a server: an address of it, a PROXY header where the upstream sends one, TLS where it is
// spoken.
#pragma once

#include "pkg/aio/connect.hh"
#include "pkg/gateway/peer.hh"
#include "pkg/gateway/upstream.hh"

namespace weir::gateway {

// `client` is whom the PROXY header tells of; null: nobody. `first` is about what the caller sends, apart
// from that header and TLS. All must outlive the task. Errors: unavailable (the server's name does not
// resolve yet), those of connecting and of TLS.
aio::Task<Result<aio::Stream>> dial(aio::Loop& loop, const Upstream& upstream, Server& server,
                                    const Peer* client, aio::FirstToSend first, aio::Deadline deadline);

// What a health check's connection to it begins with; null: nothing.
std::shared_ptr<const health::Opening> opening_of(const Upstream& upstream, const Server& server);

}  // namespace weir::gateway
