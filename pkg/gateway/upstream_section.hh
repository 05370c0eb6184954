// [upstream.NAME]: a group of servers and how it is dealt with.
#pragma once

#include <string>
#include <vector>

#include "pkg/balance/pool.hh"
#include "pkg/base/units.hh"
#include "pkg/config/table.hh"
#include "pkg/daemon/tls_section.hh"
#include "pkg/discovery/listed_server.hh"
#include "pkg/health/check.hh"
#include "pkg/resilience/circuit_breaker.hh"

namespace weir::gateway {

using namespace std::chrono_literals;

enum class UpstreamProtocol { http1, h2 };
enum class SendProxy { off, v1, v2 };
enum class Sticky { none, cookie, app_cookie, ip };

struct UpstreamSection : daemon::TlsServersKeys {
  std::vector<discovery::ListedServer> servers;
  std::vector<std::string> discover;
  balance::Algorithm algorithm = balance::Algorithm::round_robin;
  std::string hash_key = "ip";
  double hash_load_factor = 1.25;
  Sticky sticky = Sticky::none;
  std::string sticky_cookie = "weir";
  std::string sticky_secret;
  Duration sticky_lifetime = 0s;
  uint64_t server_max_in_flight = 0;
  Duration slow_start = 0s;
  health::CheckSettings check;
  uint64_t eject_errors = 0;
  double eject_error_rate = 0;
  double eject_latency_factor = 0;
  uint64_t eject_minimum = 20;
  Duration eject_window = 10s;
  Duration eject_time = 30s;
  Duration eject_time_cap = 5min;
  double eject_share = 0.5;
  double panic_threshold = 0.5;
  UpstreamProtocol protocol = UpstreamProtocol::http1;
  SendProxy send_proxy = SendProxy::off;
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

  balance::PoolSettings pool_settings() const;
  resilience::BreakerSettings breaker_settings() const;
};

config::Table<UpstreamSection> upstream_table();
// What no single key can tell.
void check_upstream(const UpstreamSection& section, const std::string& place, config::Report& report);

}  // namespace weir::gateway
