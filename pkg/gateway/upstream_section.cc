#include "pkg/gateway/upstream_section.hh"

namespace weir::gateway {

config::Table<UpstreamSection> upstream_table() {
  config::Table<UpstreamSection> t;
  t.text("servers", &UpstreamSection::servers, Address::parse_connect,
         "an address such as \"127.0.0.1:9000\", \"app.internal:9000\" or \"unix:/run/app.sock\"")
      .required()
      .at_least(1)
      .example("127.0.0.1:9000")
      .doc(
          "Addresses of the servers, asked in turn: IP:PORT, NAME:PORT or unix:PATH. A name that does not "
          "resolve yet is tried again; until then its requests are answered 502.");
  t.key("connect_timeout", &UpstreamSection::connect_timeout)
      .bounds(1ms, 10min)
      .doc("How long connecting may take; then another attempt, or 504.");
  t.key("first_byte_timeout", &UpstreamSection::first_byte_timeout)
      .bounds(1ms, 24h)
      .doc(
          "How long the answer's first byte may take, once the request was sent; then another attempt, or "
          "504.");
  t.key("idle_timeout", &UpstreamSection::idle_timeout)
      .bounds(1ms, 24h)
      .doc("The longest pause between two pieces of an answer, or while a request is sent.");
  t.key("tunnel_timeout", &UpstreamSection::tunnel_timeout)
      .bounds(1ms, 30 * 24h)
      .doc("How long an upgraded connection, such as a WebSocket, may be silent in both directions.");
  t.key("keepalive", &UpstreamSection::keepalive)
      .bounds(0, 65536)
      .doc("The most idle connections to each server that a worker keeps.");
  t.key("keepalive_timeout", &UpstreamSection::keepalive_timeout)
      .bounds(1ms, 24h)
      .doc("How long an idle connection is kept. Choose it below the servers' own.");
  t.key("max_in_flight", &UpstreamSection::max_in_flight)
      .bounds(1, 1'000'000)
      .doc("The most requests under way to this upstream at a time (a bulkhead).");
  t.key("queue", &UpstreamSection::queue)
      .bounds(0, 1'000'000)
      .doc("How many requests may wait for one of those places; beyond it the answer is 503.");
  t.key("queue_timeout", &UpstreamSection::queue_timeout)
      .bounds(1ms, 10min)
      .doc("How long one may wait; then the answer is 503.");
  t.key("retries", &UpstreamSection::retries)
      .bounds(0, 10)
      .doc(
          "The most further attempts when a server fails before its answer has begun. Only what may safely "
          "be "
          "repeated is: idempotent methods, or requests of which nothing was sent.");
  t.key("retry_statuses", &UpstreamSection::retry_statuses)
      .bounds(500, 599)
      .example("503")
      .doc("Statuses that count as such a failure too.");
  t.key("retry_base", &UpstreamSection::retry_base)
      .bounds(0ms, 10s)
      .doc(
          "Before attempt n the wait is a random part of this times 2 to the n (exponential backoff, full "
          "jitter).");
  t.key("retry_cap", &UpstreamSection::retry_cap).bounds(0ms, 1min).doc("The longest such wait.");
  t.key("retry_budget", &UpstreamSection::retry_budget)
      .bounds(0.0, 1.0)
      .doc(
          "Retries as a share of recent requests, at most, and one a second beyond that: so that they don't "
          "finish off servers that are overloaded.");
  t.key("breaker_failures", &UpstreamSection::breaker_failures)
      .bounds(0, 1'000'000)
      .doc("Failures in a row that open a server's circuit breaker; 0 turns this rule off.");
  t.key("breaker_ratio", &UpstreamSection::breaker_ratio)
      .bounds(0.0, 1.0)
      .doc("The share of failures within breaker_window that opens it too; 0 turns this rule off.");
  t.key("breaker_minimum", &UpstreamSection::breaker_minimum)
      .bounds(1, 1'000'000)
      .doc("Requests within the window below which the ratio says nothing.");
  t.key("breaker_window", &UpstreamSection::breaker_window)
      .bounds(100ms, 1h)
      .doc("The window of breaker_ratio.");
  t.key("breaker_open_time", &UpstreamSection::breaker_open_time)
      .bounds(1ms, 1h)
      .doc(
          "How long an open breaker keeps requests away before it lets a probe through. Doubles with each "
          "probe that fails.");
  t.key("breaker_open_cap", &UpstreamSection::breaker_open_cap)
      .bounds(1ms, 24h)
      .doc("The longest that doubling makes it.");
  t.key("breaker_probes", &UpstreamSection::breaker_probes)
      .bounds(1, 1000)
      .doc("How many probes must succeed, one at a time, to close it.");
  t.key("resolve_interval", &UpstreamSection::resolve_interval)
      .bounds(1s, 24h)
      .doc("How often names among the servers are resolved again.");
  return t;
}

}  // namespace weir::gateway
