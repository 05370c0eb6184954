// One config, made ready: what a request needs to know, in a form that is only read. A request holds the
// snapshot it began under; a reload makes a new one and leaves the old to those who still hold it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pkg/gateway/config.hh"
#include "pkg/gateway/limits.hh"
#include "pkg/gateway/listener.hh"
#include "pkg/gateway/metrics.hh"
#include "pkg/gateway/split.hh"
#include "pkg/gateway/upstream.hh"
#include "pkg/http/message.hh"
#include "pkg/http/router.hh"

namespace weir::gateway {

// What a route does to the fields of a message on its way.
struct FieldEdits {
  std::string added;                  // ready-made lines: those set and those added
  std::vector<std::string> replaced;  // names in lower case that are not passed on: set or removed
  bool replaces(std::string_view name) const;
};

struct Route {
  std::string name;
  std::shared_ptr<Upstream> upstream;
  std::shared_ptr<Split> split;      // instead of an upstream, where it is set
  std::shared_ptr<Upstream> mirror;  // null: none
  double mirror_share = 0;
  std::string prefix;       // what is cut off the path, without a slash at its end; may be empty
  std::string replacement;  // what stands there instead; may be empty
  std::string host_header;  // empty: the client's
  FieldEdits request;
  FieldEdits response;
  std::vector<const LimitRule*> rules;
  std::shared_ptr<RouteMetrics> metrics;
};

struct Snapshot {
  Config config;              // with its default routes
  std::vector<Route> routes;  // by the config's index
  std::vector<std::unique_ptr<LimitRule>> rules;
  std::vector<std::shared_ptr<Upstream>> upstreams;
  std::map<std::string, std::shared_ptr<Split>> splits;
  Listener main;                                           // of server.listen
  std::map<std::string, Listener, std::less<>> listeners;  // by name

  // On the main thread: what these settings say of state that outlives them is in force from now on.
  void apply() const;
  const Listener* find(std::string_view listener) const;  // null: none of that name
};

// The routes of a config that a listener's requests can take ("": those of server.listen), and their indexes.
http::Router make_router(const Config& config, const std::string& listener, std::vector<size_t>& routes);

// What is known of listeners across reloads, by name. Main thread only.
using ListenerStates = std::map<std::string, std::shared_ptr<ListenerState>>;

struct SnapshotParts {
  UpstreamRegistry& upstreams;
  SplitRegistry& splits;
  ListenerStates& listeners;
  LimitState& limits;
  metrics::Registry& registry;
};

// Errors: a rate limit that finds no place in the table; a certificate or key that cannot be used.
Result<std::shared_ptr<const Snapshot>> make_snapshot(const Config& config, SnapshotParts parts);

}  // namespace weir::gateway
