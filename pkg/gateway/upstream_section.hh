// [upstream.NAME]: a group of servers and how it is dealt with.
#pragma once

#include <string>
#include <vector>

#include "pkg/base/address.hh"
#include "pkg/base/units.hh"
#include "pkg/config/table.hh"

namespace weir::gateway {

using namespace std::chrono_literals;

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

config::Table<UpstreamSection> upstream_table();

}  // namespace weir::gateway
