// What was learned and what operators have set, for the process that takes over: of pools their servers'
// health and states, servers that were added, secrets of sticky cookies; the weights of splits; the keys of
// TLS tickets. As bytes, which must stay private.
#pragma once

#include <string>
#include <string_view>

#include "pkg/gateway/snapshot.hh"

namespace weir::gateway {

std::string save_state(const Snapshot& snapshot, const ListenerStates& listeners);
// Of what is no more, nothing is kept. Errors: invalid; then some may be restored.
Result<> restore_state(std::string_view saved, const Snapshot& snapshot, const ListenerStates& listeners);

}  // namespace weir::gateway
