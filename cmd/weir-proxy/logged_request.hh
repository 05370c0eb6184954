// One request as a log remembers it: what `replay` decides on. Reads weir-proxy's own access events (one JSON
// object a line) and the common and combined log formats that most web servers write.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "pkg/base/address.hh"
#include "pkg/base/clock.hh"

namespace weir::proxy {

struct LoggedRequest {
  WallTime time;
  IpAddress client;
  std::string method;
  std::string host;  // empty where the log has none
  std::string path;
  std::map<std::string, std::string> headers;  // names in lower case; only what was logged
};

// An event without a request in it (another kind of event, a request that was never understood) is
// Errc::not_found; a line that cannot be read is Errc::invalid.
Result<LoggedRequest> parse_logged_request(std::string_view line);

}  // namespace weir::proxy
