// Upstreams and their servers in the admin API: what there is, and what an operator wants of a server. What
// he has set and added stays over reloads. Main thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pkg/daemon/api.hh"
#include "pkg/daemon/event_hub.hh"
#include "pkg/gateway/snapshot.hh"

namespace weir::gateway {

class UpstreamApi {
 public:
  // `snapshot` is the one in force; it and `events` must outlive this. `added` is called after a server was.
  UpstreamApi(const std::shared_ptr<const Snapshot>& snapshot, daemon::EventHub& events,
              std::function<void()> added)
      : snapshot_(snapshot), events_(events), added_(std::move(added)) {}

  void add_routes(std::vector<daemon::ApiRoute>& routes);

 private:
  // What a request names, or the 404 that it is answered with.
  struct Target {
    std::shared_ptr<Upstream> upstream;
    std::shared_ptr<Server> server;
    daemon::ApiResponse refusal;
  };
  Target find_upstream(const daemon::ApiRequest& request) const;
  Target find_server(const daemon::ApiRequest& request) const;

  daemon::ApiResponse get_all() const;
  daemon::ApiResponse get_upstream(const daemon::ApiRequest& request) const;
  daemon::ApiResponse get_server(const daemon::ApiRequest& request) const;
  daemon::ApiResponse set_server(daemon::ApiRequest& request);
  daemon::ApiResponse add_server(daemon::ApiRequest& request);
  daemon::ApiResponse remove_server(daemon::ApiRequest& request);

  const std::shared_ptr<const Snapshot>& snapshot_;
  daemon::EventHub& events_;
  std::function<void()> added_;
};

}  // namespace weir::gateway
