#include "pkg/gateway/server_rates.hh"

namespace weir::gateway {

void ServerRates::sample(const std::vector<std::shared_ptr<Upstream>>& upstreams, MonotonicTime now) {
  auto before = std::exchange(upstreams_, {});
  for (const auto& upstream : upstreams) {
    Servers& known = before[upstream->name];
    Servers& servers = upstreams_[upstream->name];
    for (const balance::MemberStatus& status : upstream->state->pool.status()) {
      auto node = known.extract(status.member->name());
      const auto at = node.empty() ? servers.emplace(status.member->name(), daemon::RateHistory{}).first
                                   : servers.insert(std::move(node)).position;
      at->second.sample(status.member->requests(), now);
    }
  }
}

const daemon::RateHistory* ServerRates::find(const std::string& upstream, const std::string& server) const {
  const auto servers = upstreams_.find(upstream);
  if (servers == upstreams_.end()) return nullptr;
  const auto found = servers->second.find(server);
  return found == servers->second.end() ? nullptr : &found->second;
}

}  // namespace weir::gateway
