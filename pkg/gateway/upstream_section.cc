#include "pkg/gateway/upstream_section.hh"

#include <algorithm>

#include "pkg/base/text.hh"
#include "pkg/gateway/request_key.hh"
#include "pkg/health/section.hh"
#include "pkg/http/syntax.hh"

namespace weir::gateway {
namespace {

using Table = config::Table<UpstreamSection>;

void add_server_keys(Table& t) {
  t.text(
       "servers", &UpstreamSection::servers, discovery::ListedServer::parse,
       "a server such as \"127.0.0.1:9000\", \"app.internal:9000 weight=3\" or \"unix:/run/app.sock name=b\"")
      .example("127.0.0.1:9000")
      .doc(
          "The servers: IP:PORT, NAME:PORT or unix:PATH, each with a weight and a name where wanted "
          "(\"ADDRESS weight=3 name=b\"). A name that does not resolve yet is tried again; until then its "
          "requests are answered 502.");
  t.key("discover", &UpstreamSection::discover)
      .example("dns:app.internal:9000")
      .doc(
          "More servers, found at run time: dns:NAME:PORT (each address behind the name, asked for anew by "
          "its TTL), srv:NAME (SRV records with their ports and weights), file:PATH (a server a line, read "
          "anew when it changes).");
  t.key("resolve_interval", &UpstreamSection::resolve_interval)
      .bounds(1s, 24h)
      .doc("How often names among the servers are resolved again.");
}

void add_balancing_keys(Table& t) {
  t.choice("algorithm", &UpstreamSection::algorithm,
           {{"round_robin", balance::Algorithm::round_robin},
            {"weighted_round_robin", balance::Algorithm::weighted_round_robin},
            {"least_connections", balance::Algorithm::least_connections},
            {"random", balance::Algorithm::random},
            {"two_choices", balance::Algorithm::two_choices},
            {"peak_ewma", balance::Algorithm::peak_ewma},
            {"ip_hash", balance::Algorithm::ip_hash},
            {"hash", balance::Algorithm::hash},
            {"maglev", balance::Algorithm::maglev},
            {"bounded_hash", balance::Algorithm::bounded_hash}})
      .doc("How a server is chosen.");
  t.key("hash_key", &UpstreamSection::hash_key)
      .doc("What hash, maglev and bounded_hash go by: ip, path, header:NAME or cookie:NAME.");
  t.key("hash_load_factor", &UpstreamSection::hash_load_factor)
      .bounds(1.01, 100.0)
      .doc("With bounded_hash no server gets more than this many times its part.");
  t.key("server_max_in_flight", &UpstreamSection::server_max_in_flight)
      .bounds(0, 1'000'000)
      .doc(
          "The most requests or connections under way to one server; where all servers are full, a request "
          "waits in the queue. 0 means no limit.");
  t.key("slow_start", &UpstreamSection::slow_start)
      .bounds(0s, 1h)
      .doc("How long a server that is new or comes back takes to get its full share. 0 means at once.");
}

void add_sticky_keys(Table& t) {
  t.choice("sticky", &UpstreamSection::sticky,
           {{"none", Sticky::none},
            {"cookie", Sticky::cookie},
            {"app_cookie", Sticky::app_cookie},
            {"ip", Sticky::ip}})
      .doc(
          "How a client stays with one server: by a cookie of ours, by a signed prefix in a cookie that the "
          "application sets (sticky_cookie names it), or by its address. Where that server is gone, another "
          "takes over.");
  t.key("sticky_cookie", &UpstreamSection::sticky_cookie).doc("The cookie's name.");
  t.key("sticky_secret", &UpstreamSection::sticky_secret)
      .secret()
      .doc(
          "What cookies are signed with, so that clients cannot pick a server. Balancers side by side need "
          "the same. Empty means a random one for each start.");
  t.key("sticky_lifetime", &UpstreamSection::sticky_lifetime)
      .bounds(0s, 400 * 24h)
      .doc("How long our cookie lasts. 0 means as long as the browser is open.");
}

void add_ejection_keys(Table& t) {
  t.key("eject_errors", &UpstreamSection::eject_errors)
      .bounds(0, 1'000'000)
      .doc("So many errors in a row put a server out for a time; 0 turns this rule off.");
  t.key("eject_error_rate", &UpstreamSection::eject_error_rate)
      .bounds(0.0, 1.0)
      .doc("So does this share of errors within eject_window; 0 turns this rule off.");
  t.key("eject_latency_factor", &UpstreamSection::eject_latency_factor)
      .bounds(0.0, 1000.0)
      .doc("So does a mean latency of this many times the pool's median; 0 turns this rule off.");
  t.key("eject_minimum", &UpstreamSection::eject_minimum)
      .bounds(1, 1'000'000)
      .doc("Requests within the window below which rates and latencies say nothing.");
  t.key("eject_window", &UpstreamSection::eject_window).bounds(1s, 1h).doc("The window of these rules.");
  t.key("eject_time", &UpstreamSection::eject_time)
      .bounds(100ms, 24h)
      .doc("How long a server is out: times how often it was ejected lately.");
  t.key("eject_time_cap", &UpstreamSection::eject_time_cap).bounds(100ms, 24h).doc("The longest that gets.");
  t.key("eject_share", &UpstreamSection::eject_share)
      .bounds(0.0, 1.0)
      .doc("The share of servers that may be ejected at a time, at most.");
  t.key("panic_threshold", &UpstreamSection::panic_threshold)
      .bounds(0.0, 1.0)
      .doc(
          "With a smaller share of healthy servers than this, health is ignored and all take part. 0 turns "
          "this off.");
}

void add_connection_keys(Table& t) {
  t.choice("protocol", &UpstreamSection::protocol,
           {{"http/1.1", UpstreamProtocol::http1}, {"h2", UpstreamProtocol::h2}})
      .doc("What the servers of HTTP requests speak; h2 in clear with prior knowledge, or by ALPN over TLS.");
  t.choice("send_proxy", &UpstreamSection::send_proxy,
           {{"off", SendProxy::off}, {"v1", SendProxy::v1}, {"v2", SendProxy::v2}})
      .doc(
          "Whether a connection to a server begins with a PROXY protocol header that tells the client's "
          "address. Connections that tell one are not shared by clients.");
  daemon::add_tls_servers_keys(t);
  t.key("connect_timeout", &UpstreamSection::connect_timeout)
      .bounds(1ms, 10min)
      .doc("How long connecting may take, TLS and HTTP/2's greeting with it; then another attempt, or 504.");
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
}

void add_resilience_keys(Table& t) {
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
}

bool is_discovery(std::string_view text) {
  if (text.starts_with("file:")) return text.size() > 5;
  if (text.starts_with("srv:")) return text.size() > 4;
  if (!text.starts_with("dns:")) return false;
  const auto address = Address::parse_connect(text.substr(4));
  return address && address->kind == Address::Kind::name;
}

}  // namespace

config::Table<UpstreamSection> upstream_table() {
  config::Table<UpstreamSection> t;
  add_server_keys(t);
  add_balancing_keys(t);
  add_sticky_keys(t);
  t.embed(&UpstreamSection::check, health::check_table());
  add_ejection_keys(t);
  add_connection_keys(t);
  add_resilience_keys(t);
  return t;
}

balance::PoolSettings UpstreamSection::pool_settings() const {
  balance::PoolSettings settings;
  settings.algorithm = algorithm;
  // An address is a key like any other.
  if (sticky == Sticky::ip && !balance::uses_key(algorithm)) settings.algorithm = balance::Algorithm::maglev;
  settings.strategy.load_factor = hash_load_factor;
  settings.active = {
      .rise = check.rise, .fall = check.fall, .interval = check.interval, .jitter = check.jitter};
  settings.outlier = {.consecutive_errors = static_cast<uint32_t>(eject_errors),
                      .error_rate = eject_error_rate,
                      .latency_factor = eject_latency_factor,
                      .minimum = eject_minimum,
                      .window = eject_window,
                      .ejection_time = eject_time,
                      .ejection_cap = eject_time_cap,
                      .most_ejected = eject_share};
  settings.slow_start.duration = slow_start;
  settings.panic_threshold = panic_threshold;
  return settings;
}

resilience::BreakerSettings UpstreamSection::breaker_settings() const {
  return {breaker_failures,  breaker_ratio,    breaker_minimum, breaker_window,
          breaker_open_time, breaker_open_cap, breaker_probes};
}

void check_upstream(const UpstreamSection& section, const std::string& place, config::Report& report) {
  if (section.servers.empty() && section.discover.empty())
    report.error(place + ".servers", "an upstream needs servers, or discover");
  std::vector<std::string> names;
  for (const discovery::ListedServer& entry : section.servers) {
    if (std::ranges::find(names, entry.name) != names.end())
      report.error(place + ".servers", "\"" + entry.name + "\" is there twice");
    names.push_back(entry.name);
  }
  for (const std::string& source : section.discover) {
    if (!is_discovery(source))
      report.error(place + ".discover", "\"" + source + "\" is not dns:NAME:PORT, srv:NAME or file:PATH");
  }
  if (!RequestKey::is_valid(section.hash_key))
    report.error(place + ".hash_key", "use ip, path, header:NAME or cookie:NAME");
  if (section.check.kind == health::CheckKind::http && section.protocol == UpstreamProtocol::h2)
    report.error(place + ".check", "an http check speaks HTTP/1.1; with protocol h2 use tcp or a command");
  if (!http::is_token(section.sticky_cookie)) report.error(place + ".sticky_cookie", "not a cookie's name");
}

}  // namespace weir::gateway
