// A client's connection as it came in: who it is, and by which listener under which config.
#pragma once

#include <memory>

#include "pkg/gateway/peer.hh"
#include "pkg/gateway/snapshot.hh"

namespace weir::gateway {

struct Arrival {
  Peer peer;
  std::shared_ptr<const Snapshot> snapshot;
  const Listener* listener = nullptr;  // the snapshot's
};

}  // namespace weir::gateway
