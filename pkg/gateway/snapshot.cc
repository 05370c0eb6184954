#include "pkg/gateway/snapshot.hh"

#include <algorithm>

#include "pkg/base/text.hh"
#include "pkg/daemon/log.hh"
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

bool applies_to(const LimitSection& rule, const std::string& route) {
  return rule.routes.empty() || std::ranges::find(rule.routes, route) != rule.routes.end();
}

bool is_for(const RouteSection& route, const std::string& listener) {
  return route.listeners.empty() || std::ranges::find(route.listeners, listener) != route.listeners.end();
}

// Makes a snapshot, part by part.
class Builder {
 public:
  Builder(const Config& config, SnapshotParts parts) : config_(config), parts_(parts) {}

  Result<std::shared_ptr<const Snapshot>> build();

 private:
  Result<> make_destinations();
  Result<> make_rules();
  Result<> make_listeners();
  Result<> make_listener(const ListenerSection& section, Listener& out);
  Route make_route(const RouteSection& section);
  Destination destination(const std::string& name) const;

  const Config& config_;
  SnapshotParts parts_;
  std::map<std::string, std::shared_ptr<Upstream>> upstreams_;
  std::shared_ptr<Snapshot> snapshot_ = std::make_shared<Snapshot>();
};

Result<std::shared_ptr<const Snapshot>> Builder::build() {
  snapshot_->config = config_;
  if (auto made = make_destinations(); !made) return std::unexpected(std::move(made.error()));
  if (auto made = make_rules(); !made) return std::unexpected(std::move(made.error()));
  for (const RouteSection& section : config_.routes) {
    Route& route = snapshot_->routes.emplace_back(make_route(section));
    for (size_t i = 0; i < snapshot_->rules.size(); ++i) {
      if (applies_to(config_.limit_rules[i], section.name)) route.rules.push_back(snapshot_->rules[i].get());
    }
  }
  if (auto made = make_listeners(); !made) return std::unexpected(std::move(made.error()));
  return std::shared_ptr<const Snapshot>(std::move(snapshot_));
}

Result<> Builder::make_destinations() {
  for (const auto& [name, section] : config_.upstreams) {
    auto upstream = parts_.upstreams.find_or_make(name, section);
    if (!upstream) return std::unexpected(std::move(upstream.error()));
    upstreams_[name] = *upstream;
    snapshot_->upstreams.push_back(std::move(*upstream));
  }
  for (const auto& [name, section] : config_.splits) {
    std::map<std::string, std::shared_ptr<Upstream>, std::less<>> members;
    for (const auto& [upstream, weight] : section.weights) members[upstream] = upstreams_.at(upstream);
    auto split = parts_.splits.make(name, section, std::move(members));
    if (!split) return std::unexpected(std::move(split.error()));
    snapshot_->splits[name] = std::move(*split);
  }
  return {};
}

Result<> Builder::make_rules() {
  for (const LimitSection& section : config_.limit_rules) {
    auto rule = LimitRule::make(section, parts_.limits, parts_.registry);
    if (!rule) return std::unexpected(std::move(rule.error()));
    snapshot_->rules.push_back(std::move(*rule));
  }
  return {};
}

Destination Builder::destination(const std::string& name) const {
  if (const auto split = snapshot_->splits.find(name); split != snapshot_->splits.end())
    return {nullptr, split->second};
  return {upstreams_.at(name), nullptr};
}

Route Builder::make_route(const RouteSection& section) {
  Route route;
  route.name = section.name;
  const Destination destination = this->destination(section.upstream);
  route.upstream = destination.upstream;
  route.split = destination.split;
  if (!section.mirror.empty()) {
    route.mirror = upstreams_.at(section.mirror);
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
  FieldMap set = section.set_request_headers;
  std::erase_if(set, [&](const auto& field) {
    const bool is_host = iequals(field.first, "host");
    if (is_host) route.host_header = field.second;
    return is_host;
  });
  route.request = make_edits(set, section.add_request_headers, section.remove_request_headers);
  route.response =
      make_edits(section.set_response_headers, section.add_response_headers, section.remove_response_headers);
  route.metrics = make_route_metrics(parts_.registry, section.name);
  return route;
}

Result<> Builder::make_listeners() {
  ListenerSection plain;
  plain.http2 = true;
  if (auto made = make_listener(plain, snapshot_->main); !made) return made;
  for (const ListenerSection& section : config_.listeners) {
    if (auto made = make_listener(section, snapshot_->listeners[section.name]); !made) return made;
  }
  return {};
}

Result<> Builder::make_listener(const ListenerSection& section, Listener& out) {
  const auto refuse = [&](Error error) {
    return std::unexpected(std::move(error).context("listener " + section.name));
  };
  out.name = section.name;
  out.settings = section;
  out.metrics = make_listener_metrics(parts_.registry, section.name.empty() ? "server" : section.name);
  if (section.mode == ListenerMode::udp) out.udp_metrics = make_udp_metrics(parts_.registry, section.name);
  out.state = parts_.listeners[section.name];
  out.router = make_router(config_, section.name, out.routes);
  if (section.mode != ListenerMode::http && !section.upstream.empty())
    out.destination = destination(section.upstream);
  for (const auto& [name, upstream] : section.sni)
    out.by_name[to_lower(name.starts_with("*.") ? name.substr(1) : name)] = destination(upstream);
  if (section.connection_rate) {
    const limit::Policy policy{"listener " + section.name, limit::Algorithm::token_bucket,
                               *section.connection_rate};
    auto limiter = limit::Limiter::make(policy, parts_.limits);
    if (!limiter) return refuse(std::move(limiter.error()));
    out.rate = std::move(*limiter);
  }
  if (!section.tls) return {};
  aio::TlsServerSettings tls = daemon::server_settings(*section.tls);
  tls.ticket_keys = out.state->ticket_keys;
  if (section.mode == ListenerMode::http)
    tls.alpn =
        section.http2 ? std::vector<std::string>{"h2", "http/1.1"} : std::vector<std::string>{"http/1.1"};
  auto context = aio::make_server_context(tls);
  if (!context) return refuse(std::move(context.error()));
  for (const std::string& warning : (*context)->warnings())
    log::warn("certificate", {{"listener", section.name}, {"reason", warning}});
  out.tls = std::move(*context);
  return {};
}

}  // namespace

http::Router make_router(const Config& config, const std::string& listener, std::vector<size_t>& routes) {
  std::vector<http::RoutePattern> patterns;
  for (size_t i = 0; i < config.routes.size(); ++i) {
    const RouteSection& route = config.routes[i];
    if (!is_for(route, listener)) continue;
    patterns.push_back({route.hosts, route.path, route.methods});
    routes.push_back(i);
  }
  return http::Router(std::move(patterns));
}

bool FieldEdits::replaces(std::string_view name) const {
  return std::ranges::any_of(replaced, [name](const std::string& other) { return iequals(name, other); });
}

void Snapshot::apply() const {
  for (const auto& upstream : upstreams) upstream->apply();
  for (const auto& [name, split] : splits) split->apply();
}

const Listener* Snapshot::find(std::string_view listener) const {
  const auto found = listeners.find(listener);
  return found == listeners.end() ? nullptr : &found->second;
}

Result<std::shared_ptr<const Snapshot>> make_snapshot(const Config& written, SnapshotParts parts) {
  for (const ListenerSection& section : written.listeners) {
    auto& state = parts.listeners[section.name];
    if (!state) state = std::make_shared<ListenerState>();
  }
  if (auto& main = parts.listeners[""]; !main) main = std::make_shared<ListenerState>();
  const Config config = with_default_routes(written);
  return Builder(config, parts).build();
}

}  // namespace weir::gateway
