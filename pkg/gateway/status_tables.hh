// Parts of the gateway's status page.
#pragma once

#include "pkg/daemon/status_page.hh"
#include "pkg/gateway/server_rates.hh"
#include "pkg/gateway/snapshot.hh"

namespace weir::gateway {

void add_upstreams(daemon::StatusPage& page, const Snapshot& snapshot, const ServerRates& rates);
void add_splits(daemon::StatusPage& page, const Snapshot& snapshot);
void add_listeners(daemon::StatusPage& page, const Snapshot& snapshot);

}  // namespace weir::gateway
