// What the engine can be told, as one config. The members' initialisers in the sections are the defaults;
// each section's table says what a key means and how far it may go.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "pkg/daemon/sections.hh"
#include "pkg/gateway/client_section.hh"
#include "pkg/gateway/limit_section.hh"
#include "pkg/gateway/route_section.hh"
#include "pkg/gateway/upstream_section.hh"

namespace weir::gateway {

struct Config {
  daemon::ServerSection server;
  daemon::AdminSection admin;
  daemon::LogSection log;
  AccessLogSection access_log;
  ClientSection client;
  LimitsSection limits;
  std::map<std::string, UpstreamSection> upstreams;
  std::vector<RouteSection> routes;
  std::vector<LimitSection> limit_rules;
};

config::Table<Config> config_table();

// The config with a route named "default" behind all others, for everything, where an upstream has that name.
Config with_default_route(Config config);

constexpr size_t kMostRulesForARequest = 32;

}  // namespace weir::gateway
