#include "pkg/gateway/config.hh"

#include <algorithm>

#include "pkg/http/message.hh"
#include "pkg/http/path.hh"
#include "pkg/http/syntax.hh"

namespace weir::gateway {
namespace {

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
    destinations_ = upstreams_;
    for (const auto& [name, split] : config.splits) destinations_.push_back(name);
    for (const RouteSection& route : with_default_routes(config).routes) routes_.push_back(route.name);
    for (const ListenerSection& listener : config.listeners) listeners_.push_back(listener.name);
  }

  void check_route(size_t index) {
    const RouteSection& route = config_.routes[index];
    const std::string place = config::index_path("route", index);
    check_name(place + ".upstream", "upstream", route.upstream, destinations_);
    if (!route.mirror.empty()) check_mirror(place + ".mirror", route);
    for (const std::string& name : route.listeners)
      check_name(place + ".listeners", "listener", name, listeners_);
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

  void check_listener(size_t index) {
    const ListenerSection& listener = config_.listeners[index];
    const std::string place = config::index_path("listener", index);
    if (!listener.upstream.empty())
      check_name(place + ".upstream", "upstream", listener.upstream, destinations_);
    for (const auto& [name, upstream] : listener.sni)
      check_name(place + ".sni", "upstream", upstream, destinations_);
    const auto has_name = [&](const RouteSection& route) { return route.name == listener.name; };
    if (std::ranges::any_of(config_.routes, has_name))
      report_.error(place + ".name", "a route has this name, which stands for what no route takes");
  }

  void check_split(const std::string& name, const SplitSection& split) {
    const std::string place = "split." + name;
    if (config_.upstreams.contains(name)) report_.error(place, "an upstream has this name");
    for (const auto& [upstream, weight] : split.weights)
      check_name(place + ".weights", "upstream", upstream, upstreams_);
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
    for (const std::string& name : rule.routes) check_name(place + ".routes", "route", name, routes_);
    const auto checked = limit::check({rule.name, rule.algorithm, rule.rate, rule.burst});
    if (!checked) report_.error(place + ".rate", checked.error().message);
  }

 private:
  void check_name(const std::string& place, const char* what, const std::string& name,
                  const std::vector<std::string>& known) {
    if (std::ranges::find(known, name) != known.end()) return;
    report_.error(place, std::string("no ") + what + " is named \"" + name + "\"",
                  config::suggest(name, known));
  }

  // A copy is written as the original was.
  void check_mirror(const std::string& place, const RouteSection& route) {
    check_name(place, "upstream", route.mirror, upstreams_);
    const auto mirror = config_.upstreams.find(route.mirror);
    const auto original = config_.upstreams.find(route.upstream);
    if (mirror == config_.upstreams.end() || original == config_.upstreams.end()) return;
    if (mirror->second.protocol != original->second.protocol)
      report_.error(place, "its protocol is another than the upstream's");
  }

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
  std::vector<std::string> destinations_;  // upstreams and splits
  std::vector<std::string> routes_;
  std::vector<std::string> listeners_;
};

void check(const Config& config, config::Report& report) {
  Checker checker(config, report);
  for (const auto& [name, upstream] : config.upstreams) check_upstream(upstream, "upstream." + name, report);
  for (const auto& [name, split] : config.splits) checker.check_split(name, split);
  for (size_t i = 0; i < config.listeners.size(); ++i) checker.check_listener(i);
  for (size_t i = 0; i < config.routes.size(); ++i) checker.check_route(i);
  for (size_t i = 0; i < config.limit_rules.size(); ++i) checker.check_limit(i);
  if (config.limit_rules.size() > kMostRulesForARequest) {
    report.error("", "more than " + std::to_string(kMostRulesForARequest) + " rate limits");
  }
}

// What both daemons have, in the order of a config file. C is a Config.
template <typename C>
config::Table<C> make_table(ListenerModes modes) {
  const auto of = []<typename M>(M Config::*member) -> M C::* { return member; };
  config::Table<C> t;
  daemon::add_frame_tables(t);
  t.table("access_log", of(&Config::access_log), access_log_table())
      .doc("An event for each request and connection.");
  t.table("client", of(&Config::client), client_table())
      .doc("How much a client of HTTP may send, and how slowly.");
  t.table("limits", of(&Config::limits), limits_table()).doc("What all rate limits share.");
  t.array("listener", of(&Config::listeners), listener_table(modes))
      .doc("Where connections come in, beside server.listen, where they are HTTP in clear.");
  t.map("upstream", of(&Config::upstreams), upstream_table())
      .example("app")
      .doc(
          "A group of servers. The table's name is the upstream's. One that is named default takes all "
          "requests that no route takes.");
  t.map("split", of(&Config::splits), split_table())
      .example("shop")
      .doc(
          "Traffic that several upstreams share; it stands wherever an upstream's name may: blue and green, "
          "or a canary.");
  t.array("route", of(&Config::routes), route_table()).doc("Where requests go.");
  t.array("limit", of(&Config::limit_rules), limit_table()).doc("A rate limit.");
  t.check(check);
  return t;
}

}  // namespace

config::Table<Config> proxy_table() {
  return make_table<Config>(ListenerModes::http);
}

config::Table<BalancerConfig> balancer_table() {
  return make_table<BalancerConfig>(ListenerModes::all);
}

Config with_default_routes(Config config) {
  const auto is_named = [&](const std::string& name) {
    return std::ranges::any_of(config.routes, [&](const RouteSection& route) { return route.name == name; });
  };
  for (const ListenerSection& listener : config.listeners) {
    if (listener.mode != ListenerMode::http || listener.upstream.empty() || is_named(listener.name)) continue;
    RouteSection& route = config.routes.emplace_back();
    route.name = listener.name;
    route.upstream = listener.upstream;
    route.listeners = {listener.name};
  }
  if (config.upstreams.contains("default") && !is_named("default")) {
    RouteSection& route = config.routes.emplace_back();
    route.name = "default";
    route.upstream = "default";
  }
  return config;
}

std::vector<daemon::ListenPoint> listen_points(const Config& config) {
  using Kind = daemon::ListenPoint::Kind;
  std::vector<daemon::ListenPoint> points;
  for (const Address& address : config.server.listen)
    points.push_back({address.to_string(), address, Kind::stream});
  for (const ListenerSection& listener : config.listeners) {
    const Kind kind = listener.mode == ListenerMode::udp ? Kind::datagram : Kind::stream;
    for (const Address& address : listener.listen) points.push_back({listener.name, address, kind});
  }
  return points;
}

}  // namespace weir::gateway
