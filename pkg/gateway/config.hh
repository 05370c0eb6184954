// What weir-proxy can be told. The members' initialisers are the defaults; config.cc says what each key
// means and how far it may go.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkg/base/address.hh"
#include "pkg/base/units.hh"
#include "pkg/config/table.hh"
#include "pkg/daemon/event_sink.hh"
#include "pkg/daemon/sections.hh"
#include "pkg/limit/policy.hh"

namespace weir::gateway {

using namespace std::chrono_literals;

// [client]: how much a client may send, and how slowly.
struct ClientSection {
  Duration header_timeout = 10s;
  Duration body_timeout = 30s;
  Duration idle_timeout = 75s;
  Duration write_timeout = 30s;
  Bytes max_request_line{8 * 1024};
  Bytes max_header_bytes{16 * 1024};
  uint64_t max_headers = 100;
  Bytes max_body{0};
  std::vector<Cidr> trusted_proxies;
  bool abort_when_client_leaves = true;
};

// [access_log]
struct AccessLogSection {
  daemon::EventTarget to;  // standard output
  std::vector<std::string> headers;
};

// [limits]: what all rules share.
struct LimitsSection {
  Bytes table_size{16 * 1024 * 1024};
  Bytes log_size{8 * 1024 * 1024};
};

// [upstream.NAME]
struct UpstreamSection {
  std::vector<Address> servers;
  Duration connect_timeout = 2s;
  Duration first_byte_timeout = 30s;
  Duration idle_timeout = 60s;
  Duration tunnel_timeout = 1h;
  uint64_t keepalive = 64;
  Duration keepalive_timeout = 60s;
  uint64_t max_in_flight = 1024;
  uint64_t queue = 128;
  Duration queue_timeout = 1s;
  uint64_t retries = 2;
  std::vector<uint64_t> retry_statuses;
  Duration retry_base = 25ms;
  Duration retry_cap = 1s;
  double retry_budget = 0.2;
  uint64_t breaker_failures = 5;
  double breaker_ratio = 0.5;
  uint64_t breaker_minimum = 20;
  Duration breaker_window = 10s;
  Duration breaker_open_time = 2s;
  Duration breaker_open_cap = 60s;
  uint64_t breaker_probes = 1;
  Duration resolve_interval = 30s;
  bool operator==(const UpstreamSection&) const = default;
};

// [[route]]
struct RouteSection {
  std::string name;
  std::vector<std::string> hosts;
  std::string path = "/";
  std::vector<std::string> methods;
  std::string upstream;
  bool strip_prefix = false;
  std::string rewrite;
  std::string host_header;
  std::map<std::string, std::string> set_request_headers;
  std::map<std::string, std::string> add_request_headers;
  std::vector<std::string> remove_request_headers;
  std::map<std::string, std::string> set_response_headers;
  std::map<std::string, std::string> add_response_headers;
  std::vector<std::string> remove_response_headers;
};

enum class LimitAction { reject, dry_run };

// [[limit]]
struct LimitSection {
  std::string name;
  limit::Algorithm algorithm = limit::Algorithm::token_bucket;
  limit::Rate rate;
  uint64_t burst = 0;
  std::vector<std::string> key{"ip"};
  uint64_t ipv6_prefix = 64;
  std::vector<std::string> routes;
  LimitAction action = LimitAction::reject;
};

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
