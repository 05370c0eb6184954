// The HTTP check, on a connection that is open already: in the clear or not makes no difference here.
#pragma once

#include "pkg/aio/stream.hh"
#include "pkg/health/check.hh"

namespace weir::health {

// An error is a verdict: its message is the reason. `host` is for the Host field where the settings have
// none.
aio::Task<Result<>> check_http(aio::Stream& stream, const CheckSettings& settings, std::string host,
                               aio::Deadline deadline);

}  // namespace weir::health
