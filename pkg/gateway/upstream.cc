#include "pkg/gateway/upstream.hh"

#include <algorithm>
#include <array>

#include "pkg/base/random.hh"
#include "pkg/base/text.hh"
#include "pkg/daemon/log.hh"

namespace weir::gateway {
namespace {

constexpr const char* kBreakerState = "weir_upstream_breaker_state";
constexpr const char* kInFlight = "weir_upstream_in_flight";
constexpr const char* kServerRequests = "weir_server_requests_total";
constexpr const char* kServerFailures = "weir_server_failures_total";
constexpr const char* kServerInFlight = "weir_server_in_flight";
constexpr const char* kServerUp = "weir_server_up";

double breaker_value(resilience::BreakerState state) {
  switch (state) {
    case resilience::BreakerState::closed:
      return 0;
    case resilience::BreakerState::half_open:
      return 1;
    case resilience::BreakerState::open:
      return 2;
  }
  return 0;
}

// Candidates stand in the order of their names.
bool takes_part(const balance::View& view, const balance::Member& member) {
  const auto name = [](const balance::Candidate& candidate) -> const std::string& {
    return candidate.member->name();
  };
  const auto at = std::ranges::lower_bound(view.candidates(), member.name(), {}, name);
  return at != view.candidates().end() && at->member.get() == &member &&
         (!member.is_ejected() || view.is_panic());
}

resilience::Bulkhead::Limits bulkhead_limits(const UpstreamSection& settings) {
  return {settings.max_in_flight, settings.queue};
}

std::string random_secret() {
  std::array<uint8_t, 16> bytes;
  fill_secure_random(bytes);
  std::string text;
  append_hex(text, bytes);
  return text;
}

}  // namespace

UpstreamState::UpstreamState(std::string name, const UpstreamSection& settings, metrics::Registry& metrics,
                             uint64_t& next_id)
    : pool(name, settings.pool_settings()),
      bulkhead(bulkhead_limits(settings)),
      budget(MonotonicTime::clock::now()),
      name_(std::move(name)),
      secret_(random_secret()),
      metrics_(metrics),
      next_id_(next_id) {
  metrics_.gauge_callback(kInFlight, "Requests under way to an upstream.", {{"upstream", name_}},
                          [this] { return static_cast<double>(bulkhead.inside()); });
}

UpstreamState::~UpstreamState() {
  metrics_.retire(kInFlight, {{"upstream", name_}});
  for (const auto& [server, known] : servers_) retire_metrics(server);
}

void UpstreamState::set_settings(const UpstreamSection& settings) {
  pool.set_settings(settings.pool_settings(), MonotonicTime::clock::now());
  bulkhead.set_limits(bulkhead_limits(settings));
  breaker_settings_ = settings.breaker_settings();
  for (const auto& [name, server] : servers_) server->breaker.set_settings(breaker_settings_);
}

void UpstreamState::update_capacity(const UpstreamSection& settings) {
  if (settings.server_max_in_flight == 0) return;
  const size_t servers = std::max<size_t>(pool.views().get()->candidates().size(), 1);
  bulkhead.set_limits(
      {std::min(settings.max_in_flight, servers * settings.server_max_in_flight), settings.queue});
}

Result<> UpstreamState::set_source(const std::string& source, std::vector<discovery::ListedServer> entries) {
  std::swap(sources_[source], entries);
  auto updated = update_members();
  if (updated) return updated;
  sources_[source] = std::move(entries);  // what was good before
  return updated;
}

void UpstreamState::keep_sources(const std::vector<std::string>& sources) {
  const auto erased = std::erase_if(sources_, [&](const auto& known) {
    return known.first != kAdminSource && std::ranges::find(sources, known.first) == sources.end();
  });
  if (erased > 0) (void)update_members();  // fewer servers are always taken
}

const std::vector<discovery::ListedServer>* UpstreamState::source(const std::string& name) const {
  const auto found = sources_.find(name);
  return found == sources_.end() ? nullptr : &found->second;
}

std::string UpstreamState::source_of(std::string_view server) const {
  for (const auto& [source, entries] : sources_) {
    if (std::ranges::any_of(entries,
                            [&](const discovery::ListedServer& entry) { return entry.name == server; }))
      return source;
  }
  return {};
}

std::vector<std::shared_ptr<Server>> UpstreamState::servers() const {
  std::vector<std::shared_ptr<Server>> all;
  for (const auto& [name, server] : servers_) all.push_back(server);
  return all;
}

std::shared_ptr<Server> UpstreamState::find(const std::string& server) const {
  const auto found = servers_.find(server);
  return found == servers_.end() ? nullptr : found->second;
}

Result<> UpstreamState::update_members() {
  const auto now = MonotonicTime::clock::now();
  std::map<std::string, std::shared_ptr<Server>> wanted;
  std::vector<balance::MemberConfig> members;
  for (const auto& [source, entries] : sources_) {
    for (const discovery::ListedServer& entry : entries) {
      const std::string& id = entry.name;
      if (wanted.contains(id)) continue;
      const auto known = servers_.find(id);
      const bool is_same = known != servers_.end() && known->second->address() == entry.address;
      wanted[id] = is_same ? known->second
                           : std::make_shared<Server>(next_id_++, id, entry.address, breaker_settings_);
      members.push_back({.name = id, .weight = entry.weight, .companion = wanted[id]});
    }
  }
  // A name that moved to another address is another server.
  for (const auto& [id, server] : wanted) {
    const auto known = servers_.find(id);
    if (known != servers_.end() && known->second != server) (void)pool.remove(id, now);
  }
  if (auto taken = pool.set_members(std::move(members), now); !taken) return taken;
  for (const auto& [id, server] : servers_) {
    if (!wanted.contains(id)) retire_metrics(id);
  }
  servers_ = std::move(wanted);
  for (const balance::MemberStatus& status : pool.status()) add_metrics(status.member);
  return {};
}

void UpstreamState::add_metrics(const std::shared_ptr<balance::Member>& member) {
  const metrics::Labels labels{{"upstream", name_}, {"server", member->name()}};
  metrics_.gauge_callback(kBreakerState, "A server's circuit breaker: 0 closed, 1 half-open, 2 open.", labels,
                          [member] { return breaker_value(member->companion<Server>()->breaker.state()); });
  metrics_.counter_callback(kServerRequests, "Requests or connections to a server that have ended.", labels,
                            [member] { return static_cast<double>(member->requests()); });
  metrics_.counter_callback(kServerFailures, "Those of them that failed.", labels,
                            [member] { return static_cast<double>(member->failures()); });
  metrics_.gauge_callback(kServerInFlight, "Requests or connections under way to a server.", labels,
                          [member] { return static_cast<double>(member->in_flight()); });
  metrics_.gauge_callback(kServerUp,
                          "1 where a server takes part: in service, healthy, its breaker not open.", labels,
                          [this, member] {
                            const auto view = pool.views().get();
                            const auto breaker = member->companion<Server>()->breaker.state();
                            const bool is_open = breaker == resilience::BreakerState::open;
                            return takes_part(*view, *member) && !is_open ? 1.0 : 0.0;
                          });
}

void UpstreamState::retire_metrics(const std::string& id) {
  const metrics::Labels labels{{"upstream", name_}, {"server", id}};
  for (const char* metric : {kBreakerState, kServerRequests, kServerFailures, kServerInFlight, kServerUp})
    metrics_.retire(metric, labels);
}

bool Upstream::retries_status(int status) const {
  return std::ranges::find(settings.retry_statuses, static_cast<uint64_t>(status)) !=
         settings.retry_statuses.end();
}

void Upstream::apply() const {
  state->set_settings(settings);
  if (auto listed = state->set_source(UpstreamState::kConfigSource, settings.servers); !listed)
    log::error("servers not taken", {{"upstream", name}, {"reason", listed.error().message}});
  state->update_capacity(settings);
}

Result<std::shared_ptr<Upstream>> UpstreamRegistry::find_or_make(const std::string& name,
                                                                 const UpstreamSection& settings) {
  // Routes of one config that share an upstream share the object; a changed section makes a new one.
  if (auto known = upstreams_[name].lock(); known && known->settings == settings) return known;
  auto made = std::make_shared<Upstream>();
  made->name = name;
  made->settings = settings;
  made->backoff = {settings.retry_base, settings.retry_cap};
  if (settings.tls) {
    aio::TlsClientSettings tls = daemon::client_settings(settings);
    tls.alpn = {made->speaks_h2() ? "h2" : "http/1.1"};
    auto context = aio::make_client_context(tls);
    if (!context) return std::unexpected(std::move(context.error()).context("upstream " + name));
    made->tls = std::move(*context);
  }
  made->state = states_[name].lock();
  if (!made->state) {
    made->state = std::make_shared<UpstreamState>(name, settings, metrics_, next_id_);
    states_[name] = made->state;
  }
  const std::string secret = settings.sticky_secret.empty() ? made->state->secret() : settings.sticky_secret;
  if (settings.sticky == Sticky::cookie || settings.sticky == Sticky::app_cookie)
    made->sticky = std::make_shared<StickyCookie>(settings, secret, name + "/" + settings.sticky_cookie);
  made->key = RequestKey(settings.sticky == Sticky::ip ? "ip" : settings.hash_key, settings.sticky_secret);
  made->metrics = make_upstream_metrics(metrics_, name);
  upstreams_[name] = made;
  return made;
}

std::vector<std::shared_ptr<Upstream>> UpstreamRegistry::upstreams() const {
  std::vector<std::shared_ptr<Upstream>> living;
  for (const auto& [name, weak] : upstreams_) {
    if (auto upstream = weak.lock()) living.push_back(std::move(upstream));
  }
  return living;
}

std::shared_ptr<Upstream> UpstreamRegistry::find(const std::string& name) const {
  const auto found = upstreams_.find(name);
  return found == upstreams_.end() ? nullptr : found->second.lock();
}

}  // namespace weir::gateway
