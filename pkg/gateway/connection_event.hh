// The event of a connection that was passed on whole, or of a UDP session, in the access log.
#pragma once

#include <string>
#include <string_view>

#include "pkg/base/clock.hh"
#include "pkg/gateway/arrival.hh"

namespace weir::gateway {

struct ConnectionRecord {
  MonotonicTime start;
  std::string_view upstream;
  std::string server_name;  // what a TLS client asked for; empty: nothing is known
  std::string server;
  std::string reason;  // why it ended, where that was no matter of course
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
};

// One line of JSON.
void append_connection_event(std::string& out, const Arrival& arrival, const ConnectionRecord& record);
// The same for people, where there is a reason to tell.
void log_connection_end(const Arrival& arrival, const ConnectionRecord& record);

}  // namespace weir::gateway
