// What the engine can be told, as one config. The members' initialisers in the sections are the defaults;
// each section's table says what a key means and how far it may go.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "pkg/daemon/sections.hh"
#include "pkg/daemon/service.hh"
#include "pkg/gateway/client_section.hh"
#include "pkg/gateway/limit_section.hh"
#include "pkg/gateway/listener_section.hh"
#include "pkg/gateway/route_section.hh"
#include "pkg/gateway/split_section.hh"
#include "pkg/gateway/upstream_section.hh"

namespace weir::gateway {

struct Config {
  daemon::ServerSection server;
  daemon::AdminSection admin;
  daemon::LogSection log;
  AccessLogSection access_log;
  ClientSection client;
  LimitsSection limits;
  std::vector<ListenerSection> listeners;
  std::map<std::string, UpstreamSection> upstreams;
  std::map<std::string, SplitSection> splits;
  std::vector<RouteSection> routes;
  std::vector<LimitSection> limit_rules;
};

// weir-balancer's: it listens where its listeners say.
struct BalancerConfig : Config {
  BalancerConfig() { server.listen.clear(); }
};

config::Table<Config> proxy_table();
config::Table<BalancerConfig> balancer_table();

// The config with a route behind all others for each listener that names an upstream, by the listener's name,
// and one named "default", for everything, where an upstream has that name.
Config with_default_routes(Config config);

// Where to listen: the addresses of server.listen and of the listeners.
std::vector<daemon::ListenPoint> listen_points(const Config& config);

constexpr size_t kMostRulesForARequest = 32;

}  // namespace weir::gateway
