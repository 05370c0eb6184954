#include "pkg/gateway/upstream_api.hh"

#include <algorithm>

#include "pkg/gateway/upstream_json.hh"

namespace weir::gateway {
namespace {

using daemon::ApiRequest;
using daemon::ApiResponse;

ApiResponse server_response(const Upstream& upstream, const std::string& server, int status = 200) {
  ApiResponse response{.status = status, .json = {}};
  JsonWriter json(response.json);
  for (const balance::MemberStatus& member : upstream.state->pool.status()) {
    if (member.member->name() == server) append_server(json, upstream, member);
  }
  return response;
}

// Of a server that is there.
balance::MemberStatus status_of(const Upstream& upstream, const std::string& server) {
  auto all = upstream.state->pool.status();
  return std::move(*std::ranges::find(all, server, [](const auto& status) { return status.member->name(); }));
}

std::string place_of(const Upstream& upstream, const std::string& server) {
  return "server " + server + " of " + upstream.name;
}

void set_admin(balance::Pool& pool, const std::string& server, balance::Admin admin, MonotonicTime now) {
  switch (admin) {
    case balance::Admin::in_service:
      return (void)pool.enable(server, now);
    case balance::Admin::draining:
      return (void)pool.drain(server, now);
    case balance::Admin::disabled:
      return (void)pool.disable(server, now);
  }
}

// The body of a request to add a server; what is wrong with it is in the body.
discovery::ListedServer read_entry(daemon::JsonBody& body) {
  discovery::ListedServer entry;
  const auto address = body.string("address");
  const auto weight = body.integer("weight", 0, balance::kMostWeight);
  const auto name = body.string("name");
  body.require("address");
  if (address) {
    auto parsed = Address::parse_connect(*address);
    if (parsed)
      entry.address = std::move(*parsed);
    else
      body.fail("address", parsed.error().message);
  }
  if (name && !discovery::ListedServer::is_name(*name))
    body.fail("name", "must be 1 to 100 visible ASCII characters without quotes");
  entry.weight = static_cast<uint32_t>(weight.value_or(1));
  entry.name = name.value_or(entry.address.to_string());
  return entry;
}

}  // namespace

void UpstreamApi::add_routes(std::vector<daemon::ApiRoute>& routes) {
  using http::Method;
  constexpr const char* kServer = "/upstreams/{upstream}/servers/{server}";
  routes.push_back({Method::get, "/upstreams", "All upstreams with their servers.",
                    [this](ApiRequest&) { return get_all(); }});
  routes.push_back({Method::get, "/upstreams/{upstream}", "An upstream with its servers.",
                    [this](ApiRequest& request) { return get_upstream(request); }});
  routes.push_back(
      {Method::post, "/upstreams/{upstream}/servers",
       "Adds a server: \"address\", and \"weight\" and \"name\" where wanted. It stays over reloads.",
       [this](ApiRequest& request) { return add_server(request); }});
  routes.push_back({Method::get, kServer, "A server; a \"/\" in its name is written \"~\".",
                    [this](ApiRequest& request) { return get_server(request); }});
  routes.push_back({Method::put, kServer,
                    "Sets a server's \"state\" (in_service, draining, disabled), its \"weight\", or both.",
                    [this](ApiRequest& request) { return set_server(request); }});
  routes.push_back({Method::delete_, kServer, "Removes a server that was added here.",
                    [this](ApiRequest& request) { return remove_server(request); }});
}

UpstreamApi::Target UpstreamApi::find_upstream(const ApiRequest& request) const {
  const std::string& name = request.parameter("upstream");
  const auto found = std::ranges::find(snapshot_->upstreams, name, &Upstream::name);
  if (found != snapshot_->upstreams.end()) return {*found, nullptr, {}};
  return {nullptr, nullptr,
          ApiResponse::problem(404, "there is no upstream \"" + name + "\"; GET /api/upstreams lists them")};
}

UpstreamApi::Target UpstreamApi::find_server(const ApiRequest& request) const {
  Target target = find_upstream(request);
  if (!target.upstream) return target;
  const std::string& name = request.parameter("server");
  target.server = target.upstream->state->find(name);
  if (target.server) return target;
  std::string with_slashes = name;
  std::ranges::replace(with_slashes, '~', '/');
  target.server = target.upstream->state->find(with_slashes);
  if (target.server) return target;
  target.refusal = ApiResponse::problem(404, "there is no server \"" + name + "\" in the upstream \"" +
                                                 target.upstream->name +
                                                 "\"; a \"/\" in a server's name is written \"~\"");
  return target;
}

ApiResponse UpstreamApi::get_all() const {
  ApiResponse response{.json = {}};
  JsonWriter json(response.json);
  json.begin_object().key("upstreams").begin_array();
  for (const auto& upstream : snapshot_->upstreams) append_upstream(json, *upstream);
  json.end_array().end_object();
  return response;
}

ApiResponse UpstreamApi::get_upstream(const ApiRequest& request) const {
  const Target target = find_upstream(request);
  if (!target.upstream) return target.refusal;
  ApiResponse response{.json = {}};
  JsonWriter json(response.json);
  append_upstream(json, *target.upstream);
  return response;
}

ApiResponse UpstreamApi::get_server(const ApiRequest& request) const {
  const Target target = find_server(request);
  return target.server ? server_response(*target.upstream, target.server->name()) : target.refusal;
}

ApiResponse UpstreamApi::set_server(ApiRequest& request) {
  const Target target = find_server(request);
  if (!target.server) return target.refusal;
  daemon::JsonBody& body = request.body;
  const auto state = body.choice("state", {"in_service", "draining", "disabled"});
  const auto weight = body.integer("weight", 0, balance::kMostWeight);
  if (!body.is_fine()) return body.refusal();
  if (!state && !weight) return ApiResponse::problem(400, "this takes \"state\", \"weight\" or both");
  const Upstream& upstream = *target.upstream;
  const std::string& server = target.server->name();
  balance::Pool& pool = upstream.state->pool;
  const balance::MemberStatus before = status_of(upstream, server);
  const auto now = MonotonicTime::clock::now();
  // It is there, and both values were checked: neither can fail.
  if (weight) (void)pool.set_weight(server, static_cast<uint32_t>(*weight), now);
  if (state) set_admin(pool, server, *balance::parse_admin(*state), now);
  const balance::MemberStatus after = status_of(upstream, server);
  events_.publish("server", {{"upstream", upstream.name},
                             {"server", server},
                             {"action", "set"},
                             {"state", balance::to_string(after.admin)},
                             {"weight", uint64_t{after.weight}}});
  ApiResponse response = server_response(upstream, server);
  response.done = place_of(upstream, server);
  if (state) {
    response.done += ", state " + std::string(balance::to_string(before.admin)) + " to " +
                     std::string(balance::to_string(after.admin));
  }
  if (weight)
    response.done += ", weight " + std::to_string(before.weight) + " to " + std::to_string(after.weight);
  return response;
}

ApiResponse UpstreamApi::add_server(ApiRequest& request) {
  const Target target = find_upstream(request);
  if (!target.upstream) return target.refusal;
  discovery::ListedServer entry = read_entry(request.body);
  if (!request.body.is_fine()) return request.body.refusal();
  UpstreamState& state = *target.upstream->state;
  const std::string server = entry.name;
  if (state.find(server)) {
    return ApiResponse::problem(
        409, "the upstream \"" + target.upstream->name + "\" has a server \"" + server + "\" already");
  }
  const std::string written = entry.to_string();
  const uint64_t weight = entry.weight;
  std::vector<discovery::ListedServer> added;
  if (const auto* known = state.source(UpstreamState::kAdminSource)) added = *known;
  added.push_back(std::move(entry));
  if (auto taken = state.set_source(UpstreamState::kAdminSource, std::move(added)); !taken)
    return ApiResponse::problem(409, taken.error().message);
  added_();
  events_.publish("server", {{"upstream", target.upstream->name},
                             {"server", server},
                             {"action", "added"},
                             {"state", "in_service"},
                             {"weight", weight}});
  ApiResponse response = server_response(*target.upstream, server, 201);
  response.done = place_of(*target.upstream, server) + " added: " + written;
  return response;
}

ApiResponse UpstreamApi::remove_server(ApiRequest& request) {
  const Target target = find_server(request);
  if (!target.server) return target.refusal;
  if (!request.body.is_fine()) return request.body.refusal();
  UpstreamState& state = *target.upstream->state;
  const std::string& server = target.server->name();
  std::vector<discovery::ListedServer> added;
  if (const auto* known = state.source(UpstreamState::kAdminSource)) added = *known;
  if (std::erase_if(added, [&](const discovery::ListedServer& entry) { return entry.name == server; }) == 0) {
    const std::string source = state.source_of(server);
    const std::string lister = source == UpstreamState::kConfigSource ? "the config" : source;
    return ApiResponse::problem(
        409, lister + " lists the server \"" + server + "\"; drain or disable it, or take it out there");
  }
  (void)state.set_source(UpstreamState::kAdminSource, std::move(added));  // fewer are always taken
  events_.publish("server", {{"upstream", target.upstream->name}, {"server", server}, {"action", "removed"}});
  ApiResponse response{.json = {}};
  JsonWriter(response.json).begin_object().key("removed").string(server).end_object();
  response.done = place_of(*target.upstream, server) + " removed";
  return response;
}

}  // namespace weir::gateway
