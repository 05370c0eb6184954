#include "pkg/gateway/snapshot.hh"

#include <algorithm>

#include "pkg/base/text.hh"
#include "pkg/http/write.hh"

namespace weir::gateway {
namespace {

using FieldMap = std::map<std::string, std::string>;

FieldEdits make_edits(const FieldMap& set, const FieldMap& add, const std::vector<std::string>& remove) {
  FieldEdits edits;
  for (const auto& [name, value] : set) {
    http::append_field(edits.added, name, value);
    edits.replaced.push_back(to_lower(name));
  }
  for (const auto& [name, value] : add) http::append_field(edits.added, name, value);
  for (const std::string& name : remove) edits.replaced.push_back(to_lower(name));
  return edits;
}

Route make_route(const RouteSection& section, const Config& config, SnapshotParts parts) {
  Route route;
  route.name = section.name;
  route.upstream = parts.upstreams.find_or_make(section.upstream, config.upstreams.at(section.upstream));
  if (!section.mirror.empty()) {
    route.mirror = parts.upstreams.find_or_make(section.mirror, config.upstreams.at(section.mirror));
    route.mirror_share = section.mirror_share;
  }
  const auto without_slash = [](std::string path) {
    if (path.ends_with('/')) path.pop_back();
    return path;
  };
  if (section.strip_prefix || !section.rewrite.empty()) {
    route.prefix = without_slash(section.path);
    route.replacement = without_slash(section.rewrite);
  }
  route.host_header = section.host_header;
  route.request =
      make_edits(section.set_request_headers, section.add_request_headers, section.remove_request_headers);
  route.response =
      make_edits(section.set_response_headers, section.add_response_headers, section.remove_response_headers);
  route.metrics = make_route_metrics(parts.registry, section.name);
  return route;
}

bool applies_to(const LimitSection& rule, const std::string& route) {
  return rule.routes.empty() || std::ranges::find(rule.routes, route) != rule.routes.end();
}

}  // namespace

http::Router make_router(const Config& config) {
  std::vector<http::RoutePattern> patterns;
  for (const RouteSection& route : config.routes)
    patterns.push_back({route.hosts, route.path, route.methods});
  return http::Router(std::move(patterns));
}

bool FieldEdits::replaces(std::string_view name) const {
  return std::ranges::any_of(replaced, [name](const std::string& other) { return iequals(name, other); });
}

Result<std::shared_ptr<const Snapshot>> make_snapshot(const Config& written, SnapshotParts parts) {
  Config config = with_default_route(written);
  http::Router router = make_router(config);
  auto snapshot = std::make_shared<Snapshot>(Snapshot{std::move(config), std::move(router), {}, {}});
  for (const LimitSection& section : snapshot->config.limit_rules) {
    auto rule = LimitRule::make(section, parts.limits, parts.registry);
    if (!rule) return std::unexpected(std::move(rule.error()));
    snapshot->rules.push_back(std::move(*rule));
  }
  for (const RouteSection& section : snapshot->config.routes) {
    Route& route = snapshot->routes.emplace_back(make_route(section, snapshot->config, parts));
    for (size_t i = 0; i < snapshot->rules.size(); ++i) {
      if (applies_to(snapshot->config.limit_rules[i], section.name))
        route.rules.push_back(snapshot->rules[i].get());
    }
  }
  return snapshot;
}

}  // namespace weir::gateway
