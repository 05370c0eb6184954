#include "pkg/gateway/config.hh"

#include <algorithm>

#include "pkg/http/message.hh"
#include "pkg/http/path.hh"
#include "pkg/http/syntax.hh"

namespace weir::gateway {
namespace {

config::Table<ClientSection> client_table() {
  config::Table<ClientSection> t;
  t.key("header_timeout", &ClientSection::header_timeout)
      .bounds(10ms, 1h)
      .doc(
          "How long a client may take to send a request's head, from its first byte; then the answer is "
          "408.");
  t.key("body_timeout", &ClientSection::body_timeout)
      .bounds(10ms, 1h)
      .doc("The longest pause between two pieces of a request's body; then the answer is 408.");
  t.key("idle_timeout", &ClientSection::idle_timeout)
      .bounds(10ms, 24h)
      .doc("How long a connection is kept open between requests.");
  t.key("write_timeout", &ClientSection::write_timeout)
      .bounds(10ms, 1h)
      .doc("How long a client may take to receive a piece of an answer (64 KiB at most).");
  t.key("max_request_line", &ClientSection::max_request_line)
      .bounds(Bytes{64}, Bytes{32 * 1024})
      .doc("The longest request line; beyond it the answer is 414.");
  t.key("max_header_bytes", &ClientSection::max_header_bytes)
      .bounds(Bytes{256}, Bytes{32 * 1024})
      .doc("The most bytes of all header fields together; beyond it the answer is 431.");
  t.key("max_headers", &ClientSection::max_headers)
      .bounds(1, 200)
      .doc("The most header fields; beyond it the answer is 431.");
  t.key("max_body", &ClientSection::max_body)
      .doc(
          "The largest body of a request; beyond it the answer is 413. 0 means any size: bodies are passed "
          "on "
          "as they come and never held in memory.");
  t.key("trusted_proxies", &ClientSection::trusted_proxies)
      .example("10.0.0.0/8")
      .doc(
          "Peers whose X-Forwarded-* and Forwarded fields are believed. From anyone else they are dropped, "
          "and "
          "the client is the peer itself.");
  t.key("abort_when_client_leaves", &ClientSection::abort_when_client_leaves)
      .doc(
          "Whether a request is given up when its client closes (or finishes sending on) the connection "
          "before "
          "the answer has begun.");
  return t;
}

config::Table<AccessLogSection> access_log_table() {
  config::Table<AccessLogSection> t;
  t.key("to", &AccessLogSection::to)
      .doc(
          "Where one JSON object for each request goes: stdout, off, file:PATH, unix:PATH or "
          "kafka://HOST:PORT/TOPIC.");
  t.key("headers", &AccessLogSection::headers)
      .example("X-Tenant")
      .doc("Request header fields to put into the events. Name none that bears a secret.");
  return t;
}

config::Table<LimitsSection> limits_table() {
  config::Table<LimitsSection> t;
  t.key("table_size", &LimitsSection::table_size)
      .bounds(Bytes{4096}, Bytes{uint64_t{1} << 36})
      .reload(false)
      .doc(
          "Memory for the state of all rules but sliding_window's: 16 bytes a key. When it is full, the keys "
          "that were seen least recently are forgotten first, and those over their limit last.");
  t.key("log_size", &LimitsSection::log_size)
      .bounds(Bytes{4096}, Bytes{uint64_t{1} << 36})
      .reload(false)
      .doc("Memory for the logs of sliding_window rules.");
  return t;
}

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

config::Table<RouteSection> route_table() {
  config::Table<RouteSection> t;
  t.key("name", &RouteSection::name)
      .required()
      .unique()
      .example("api")
      .doc("The route's name, in logs, metrics and limits.");
  t.key("hosts", &RouteSection::hosts)
      .example("example.com")
      .doc("Hosts it takes: names, or *.example.com for all names below one. None means any.");
  t.key("path", &RouteSection::path).doc("The path prefix it takes, on slash boundaries.");
  t.key("methods", &RouteSection::methods).example("GET").doc("Methods it takes. None means any.");
  t.key("upstream", &RouteSection::upstream)
      .required()
      .example("app")
      .doc("The upstream its requests go to.");
  t.key("strip_prefix", &RouteSection::strip_prefix)
      .doc("Whether the prefix is cut off before the path goes upstream.");
  t.key("rewrite", &RouteSection::rewrite)
      .example("/v2")
      .doc("What stands in the prefix's place upstream. Implies strip_prefix.");
  t.key("host_header", &RouteSection::host_header)
      .example("app.internal")
      .doc("The Host that the upstream sees. Empty means the client's.");
  t.key("set_request_headers", &RouteSection::set_request_headers)
      .doc("Fields to set on the request, replacing the client's.");
  t.key("add_request_headers", &RouteSection::add_request_headers).doc("Fields to add to the request.");
  t.key("remove_request_headers", &RouteSection::remove_request_headers)
      .example("Cookie")
      .doc("Fields to take from the request.");
  t.key("set_response_headers", &RouteSection::set_response_headers)
      .doc("Fields to set on the answer, replacing the upstream's.");
  t.key("add_response_headers", &RouteSection::add_response_headers).doc("Fields to add to the answer.");
  t.key("remove_response_headers", &RouteSection::remove_response_headers)
      .example("Server")
      .doc("Fields to take from the answer.");
  return t;
}

config::Table<LimitSection> limit_table() {
  config::Table<LimitSection> t;
  t.key("name", &LimitSection::name)
      .required()
      .unique()
      .example("per-client")
      .doc(
          "The rule's name, in answers, logs and metrics. Its state is kept under this name across reloads.");
  t.choice("algorithm", &LimitSection::algorithm,
           {{"token_bucket", limit::Algorithm::token_bucket},
            {"leaky_bucket", limit::Algorithm::leaky_bucket},
            {"fixed_window", limit::Algorithm::fixed_window},
            {"sliding_window", limit::Algorithm::sliding_window},
            {"sliding_counter", limit::Algorithm::sliding_counter}})
      .doc("How requests are counted.");
  t.key("rate", &LimitSection::rate).required().example("100/minute").doc("How many requests in how long.");
  t.key("burst", &LimitSection::burst)
      .bounds(0, 1'000'000'000)
      .doc(
          "For the buckets: how many may come at once (token_bucket), or wait (leaky_bucket). 0 means the "
          "rate's "
          "count.");
  t.key("key", &LimitSection::key)
      .doc(
          "What is counted apart: ip, route, api_key (X-Api-Key or a bearer token), header:NAME, "
          "cookie:NAME, "
          "global, or several of these together.");
  t.key("ipv6_prefix", &LimitSection::ipv6_prefix)
      .bounds(1, 128)
      .doc("How many bits of an IPv6 address make a client: one household or host has a /64.");
  t.key("routes", &LimitSection::routes)
      .example("api")
      .doc("Names of the routes it applies to. None means all.");
  t.choice("action", &LimitSection::action,
           {{"reject", LimitAction::reject}, {"dry_run", LimitAction::dry_run}})
      .doc("What happens beyond the limit: answer 429, or only count and log.");
  return t;
}

bool is_limit_key(std::string_view key) {
  if (key == "ip" || key == "route" || key == "api_key" || key == "global") return true;
  if (key.starts_with("header:") || key.starts_with("cookie:")) return http::is_token(key.substr(7));
  return false;
}

constexpr const char* kNotAPath =
    "a path begins with \"/\" and is normalised: no dot segments, no slashes in a row";

// In the one form that requests have when they are routed; any other would match nothing.
bool is_normal_path(std::string_view path) {
  std::string storage;
  return http::normalise_path(path, storage) == path;
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

// Checks of what the keys of one table say together, and of names that refer to each other.
class Checker {
 public:
  Checker(const Config& config, config::Report& report) : config_(config), report_(report) {
    for (const auto& [name, upstream] : config.upstreams) upstreams_.push_back(name);
    for (const RouteSection& route : config.routes) routes_.push_back(route.name);
    if (config.upstreams.contains("default")) routes_.push_back("default");
  }

  void check_route(size_t index) {
    const RouteSection& route = config_.routes[index];
    const std::string place = config::index_path("route", index);
    if (!config_.upstreams.contains(route.upstream)) {
      report_.error(place + ".upstream", "no upstream is named \"" + route.upstream + "\"",
                    config::suggest(route.upstream, upstreams_));
    }
    if (!is_normal_path(route.path)) report_.error(place + ".path", kNotAPath);
    if (!route.rewrite.empty() && !is_normal_path(route.rewrite))
      report_.error(place + ".rewrite", kNotAPath);
    if (!is_printable(route.host_header) || route.host_header.find(' ') != std::string::npos) {
      report_.error(place + ".host_header", "not a host");
    }
    check_fields(place + ".set_request_headers", route.set_request_headers);
    check_fields(place + ".add_request_headers", route.add_request_headers);
    check_fields(place + ".set_response_headers", route.set_response_headers);
    check_fields(place + ".add_response_headers", route.add_response_headers);
  }

  void check_limit(size_t index) {
    const LimitSection& rule = config_.limit_rules[index];
    const std::string place = config::index_path("limit", index);
    if (rule.name.empty() || !is_printable(rule.name))
      report_.error(place + ".name", "a name is printable ASCII");
    for (const std::string& key : rule.key) {
      if (is_limit_key(key)) continue;
      report_.error(place + ".key",
                    "\"" + key + "\" is no key; use ip, route, api_key, header:NAME, cookie:NAME or global");
    }
    for (const std::string& name : rule.routes) {
      if (std::ranges::find(routes_, name) != routes_.end()) continue;
      report_.error(place + ".routes", "no route is named \"" + name + "\"", config::suggest(name, routes_));
    }
    const auto checked = limit::check({rule.name, rule.algorithm, rule.rate, rule.burst});
    if (!checked) report_.error(place + ".rate", checked.error().message);
  }

 private:
  void check_fields(const std::string& place, const std::map<std::string, std::string>& fields) {
    for (const auto& [name, value] : fields) {
      if (!http::is_token(name)) report_.error(place, "\"" + name + "\" is not a header field's name");
      if (!http::is_field_value(value))
        report_.error(place, "the value of \"" + name + "\" has control characters");
      const auto id = http::field_id(name);
      const bool frames = http::is_hop_by_hop(id) || id == http::FieldId::content_length;
      if (frames) report_.error(place, "\"" + name + "\" is written by the proxy itself");
    }
  }

  const Config& config_;
  config::Report& report_;
  std::vector<std::string> upstreams_;
  std::vector<std::string> routes_;
};

void check(const Config& config, config::Report& report) {
  Checker checker(config, report);
  for (size_t i = 0; i < config.routes.size(); ++i) checker.check_route(i);
  for (size_t i = 0; i < config.limit_rules.size(); ++i) checker.check_limit(i);
  if (config.limit_rules.size() > kMostRulesForARequest) {
    report.error("", "more than " + std::to_string(kMostRulesForARequest) + " rate limits");
  }
}

}  // namespace

config::Table<Config> config_table() {
  config::Table<Config> t;
  daemon::add_frame_tables(t);
  t.table("access_log", &Config::access_log, access_log_table()).doc("An event for each request.");
  t.table("client", &Config::client, client_table()).doc("How much a client may send, and how slowly.");
  t.table("limits", &Config::limits, limits_table()).doc("What all rate limits share.");
  t.map("upstream", &Config::upstreams, upstream_table())
      .example("app")
      .doc(
          "A group of servers that routes send requests to. The table's name is the upstream's. One that is "
          "named "
          "default takes all requests that no route takes.");
  t.array("route", &Config::routes, route_table()).doc("Where requests go.");
  t.array("limit", &Config::limit_rules, limit_table()).doc("A rate limit.");
  t.check(check);
  return t;
}

Config with_default_route(Config config) {
  const bool named =
      std::ranges::any_of(config.routes, [](const RouteSection& route) { return route.name == "default"; });
  if (config.upstreams.contains("default") && !named) {
    RouteSection& route = config.routes.emplace_back();
    route.name = "default";
    route.upstream = "default";
  }
  return config;
}

}  // namespace weir::gateway
