// What weir-proxy counts, apart from what every daemon does.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "pkg/metrics/registry.hh"

namespace weir::gateway {

struct RouteMetrics {
  std::array<std::shared_ptr<metrics::Counter>, 5> requests;  // by status class: 1xx to 5xx
  std::shared_ptr<metrics::Histogram> seconds;
  std::shared_ptr<metrics::Counter> shed;
  std::shared_ptr<metrics::Counter> mirrored;
  std::shared_ptr<metrics::Counter> not_mirrored;  // drawn for it, but not whole, or too many under way

  void count(int status) const {
    requests[static_cast<size_t>(std::min(std::max(status / 100, 1), 5)) - 1]->add();
  }
  uint64_t total() const;
};

std::shared_ptr<RouteMetrics> make_route_metrics(metrics::Registry& registry, const std::string& route);

struct ListenerMetrics {
  std::shared_ptr<metrics::Counter> connections;
  std::shared_ptr<metrics::Counter> denied;  // by allow or deny
  std::shared_ptr<metrics::Counter> rate;    // beyond connection_rate
  std::shared_ptr<metrics::Counter> full;    // beyond max_connections
  std::shared_ptr<metrics::Counter> handshakes;
  std::shared_ptr<metrics::Counter> failed_handshakes;
};

std::shared_ptr<ListenerMetrics> make_listener_metrics(metrics::Registry& registry,
                                                       const std::string& listener);

// What a listener of datagrams counts beside.
struct UdpMetrics {
  std::shared_ptr<metrics::Gauge> open;  // sessions
  std::shared_ptr<metrics::Counter> to_server;
  std::shared_ptr<metrics::Counter> to_client;
  std::shared_ptr<metrics::Counter> bytes_to_server;
  std::shared_ptr<metrics::Counter> bytes_to_client;
  std::shared_ptr<metrics::Counter> refused;  // of clients that got no session
  std::shared_ptr<metrics::Counter> dropped;  // not taken by the kernel
};

std::shared_ptr<UdpMetrics> make_udp_metrics(metrics::Registry& registry, const std::string& listener);

struct RuleMetrics {
  std::shared_ptr<metrics::Counter> passed;
  std::shared_ptr<metrics::Counter> delayed;
  std::shared_ptr<metrics::Counter> rejected;
  std::shared_ptr<metrics::Counter> dry_run;  // would have been rejected
};

RuleMetrics make_rule_metrics(metrics::Registry& registry, const std::string& rule);

struct UpstreamMetrics {
  std::shared_ptr<metrics::Counter> attempts;
  std::shared_ptr<metrics::Counter> failures;
  std::shared_ptr<metrics::Counter> retries;
  std::shared_ptr<metrics::Counter> turned_away;  // bulkhead full or breakers open
  std::shared_ptr<metrics::Histogram> first_byte_seconds;
};

UpstreamMetrics make_upstream_metrics(metrics::Registry& registry, const std::string& upstream);

}  // namespace weir::gateway
