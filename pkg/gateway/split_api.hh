// Splits in the admin API: how traffic is shared now, other weights, all to one upstream, and back. What was
// set stays over reloads until the config's own weights change. Main thread only.
#pragma once

#include <memory>
#include <vector>

#include "pkg/daemon/api.hh"
#include "pkg/daemon/event_hub.hh"
#include "pkg/gateway/snapshot.hh"

namespace weir::gateway {

class SplitApi {
 public:
  // `snapshot` is the one in force; it and `events` must outlive this.
  SplitApi(const std::shared_ptr<const Snapshot>& snapshot, daemon::EventHub& events)
      : snapshot_(snapshot), events_(events) {}

  void add_routes(std::vector<daemon::ApiRoute>& routes);

 private:
  const Split* find(const daemon::ApiRequest& request) const;
  daemon::ApiResponse get_all() const;
  daemon::ApiResponse get_split(const daemon::ApiRequest& request) const;
  daemon::ApiResponse set_weights(daemon::ApiRequest& request);
  daemon::ApiResponse switch_to(daemon::ApiRequest& request);
  daemon::ApiResponse roll_back(daemon::ApiRequest& request);
  daemon::ApiResponse tell(const Split& split, std::string_view action, const std::string& before);

  const std::shared_ptr<const Snapshot>& snapshot_;
  daemon::EventHub& events_;
};

}  // namespace weir::gateway
