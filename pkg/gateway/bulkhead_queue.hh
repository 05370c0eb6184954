// Waiting for a place inside an upstream's bulkhead.
#pragma once

#include "pkg/aio/task.hh"
#include "pkg/gateway/upstream.hh"

namespace weir::gateway {

// A place, at once or within queue_timeout; one that is not held means that there was none.
// `upstream` must outlive the task.
aio::Task<resilience::Slot> enter_bulkhead(aio::Loop& loop, const Upstream& upstream);

}  // namespace weir::gateway
