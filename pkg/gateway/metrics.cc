#include "pkg/gateway/metrics.hh"

namespace weir::gateway {

uint64_t RouteMetrics::total() const {
  uint64_t sum = 0;
  for (const auto& counter : requests) sum += counter->total();
  return sum;
}

std::shared_ptr<RouteMetrics> make_route_metrics(metrics::Registry& registry, const std::string& route) {
  auto made = std::make_shared<RouteMetrics>();
  for (size_t i = 0; i < made->requests.size(); ++i) {
    made->requests[i] =
        registry.counter("weir_requests_total", "Requests answered, by route and status class.",
                         {{"route", route}, {"status", std::to_string(i + 1) + "xx"}});
  }
  made->seconds = registry.histogram(
      "weir_request_seconds", "Time from a request's head to the end of its answer.", {{"route", route}});
  made->shed = registry.counter("weir_shed_requests_total", "Requests answered 503 since a worker lagged.",
                                {{"route", route}});
  const auto mirrored = [&](const char* result) {
    return registry.counter("weir_mirrored_requests_total", "Requests that were drawn to be mirrored.",
                            {{"route", route}, {"result", result}});
  };
  made->mirrored = mirrored("sent");
  made->not_mirrored = mirrored("skipped");
  return made;
}

std::shared_ptr<ListenerMetrics> make_listener_metrics(metrics::Registry& registry,
                                                       const std::string& listener) {
  const auto refused = [&](const char* reason) {
    return registry.counter(
        "weir_listener_refused_total",
        "Connections closed and clients' datagrams dropped at once, by what they exceeded.",
        {{"listener", listener}, {"reason", reason}});
  };
  const auto handshakes = [&](const char* result) {
    return registry.counter("weir_tls_handshakes_total", "TLS handshakes with clients.",
                            {{"listener", listener}, {"result", result}});
  };
  auto made = std::make_shared<ListenerMetrics>();
  made->connections =
      registry.counter("weir_listener_connections_total", "Connections accepted, UDP sessions opened.",
                       {{"listener", listener}});
  made->denied = refused("denied");
  made->rate = refused("rate");
  made->full = refused("full");
  made->handshakes = handshakes("ok");
  made->failed_handshakes = handshakes("failed");
  return made;
}

std::shared_ptr<UdpMetrics> make_udp_metrics(metrics::Registry& registry, const std::string& listener) {
  const auto datagrams = [&](const char* result) {
    return registry.counter("weir_udp_datagrams_total", "Datagrams, by what became of them.",
                            {{"listener", listener}, {"result", result}});
  };
  const auto bytes = [&](const char* result) {
    return registry.counter("weir_udp_bytes_total", "Bytes in datagrams that were passed on.",
                            {{"listener", listener}, {"result", result}});
  };
  auto made = std::make_shared<UdpMetrics>();
  made->open = registry.gauge("weir_udp_sessions", "Sessions that are open.", {{"listener", listener}});
  made->to_server = datagrams("to_server");
  made->to_client = datagrams("to_client");
  made->bytes_to_server = bytes("to_server");
  made->bytes_to_client = bytes("to_client");
  made->refused = datagrams("refused");
  made->dropped = datagrams("dropped");
  return made;
}

RuleMetrics make_rule_metrics(metrics::Registry& registry, const std::string& rule) {
  const auto counter = [&](const char* decision) {
    return registry.counter("weir_limit_decisions_total", "Decisions of rate limits.",
                            {{"rule", rule}, {"decision", decision}});
  };
  return {counter("pass"), counter("delay"), counter("reject"), counter("dry_run")};
}

UpstreamMetrics make_upstream_metrics(metrics::Registry& registry, const std::string& upstream) {
  const metrics::Labels labels{{"upstream", upstream}};
  return {registry.counter("weir_upstream_attempts_total", "Requests sent to servers.", labels),
          registry.counter("weir_upstream_failures_total", "Attempts that failed.", labels),
          registry.counter("weir_upstream_retries_total", "Attempts beyond the first.", labels),
          registry.counter("weir_upstream_turned_away_total",
                           "Requests answered 503: bulkhead full or breakers open.", labels),
          registry.histogram("weir_upstream_first_byte_seconds",
                             "Time from sending a request to the first byte of its answer.", labels)};
}

}  // namespace weir::gateway
