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
    if (!route.mirror.empty() && !config_.upstreams.contains(route.mirror)) {
      report_.error(place + ".mirror", "no upstream is named \"" + route.mirror + "\"",
                    config::suggest(route.mirror, upstreams_));
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
