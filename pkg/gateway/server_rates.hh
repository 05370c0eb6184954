// How busy each server was over the last minutes, for the status page. Main thread only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pkg/daemon/rate_history.hh"
#include "pkg/gateway/upstream.hh"

namespace weir::gateway {

class ServerRates {
 public:
  // To be called each RateHistory::kInterval; servers that are not among these any more are forgotten.
  void sample(const std::vector<std::shared_ptr<Upstream>>& upstreams, MonotonicTime now);
  // Null for a server that came after the last sample.
  const daemon::RateHistory* find(const std::string& upstream, const std::string& server) const;

 private:
  using Servers = std::map<std::string, daemon::RateHistory>;
  std::map<std::string, Servers> upstreams_;
};

}  // namespace weir::gateway
