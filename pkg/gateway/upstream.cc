#include "pkg/gateway/upstream.hh"

#include <algorithm>

namespace weir::gateway {
namespace {

constexpr const char* kBreakerState = "weir_upstream_breaker_state";
constexpr const char* kInFlight = "weir_upstream_in_flight";

metrics::Labels breaker_labels(const std::string& upstream, const std::string& server) {
  return {{"upstream", upstream}, {"server", server}};
}

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

}  // namespace

Server::Server(uint64_t id, const Address& address, resilience::BreakerSettings settings)
    : breaker(settings), id_(id), address_(address), name_(address.to_string()) {}

std::optional<Address> Server::next_address() {
  if (!needs_resolving()) return address_;
  const std::lock_guard lock(mutex_);
  if (resolved_.empty()) return std::nullopt;
  return resolved_[turn_++ % resolved_.size()];
}

void Server::set_addresses(std::vector<Address> addresses) {
  const std::lock_guard lock(mutex_);
  resolved_ = std::move(addresses);
}

size_t Server::address_count() const {
  const std::lock_guard lock(mutex_);
  return resolved_.size();
}

bool Upstream::retries_status(int status) const {
  return std::ranges::find(settings.retry_statuses, static_cast<uint64_t>(status)) !=
         settings.retry_statuses.end();
}

Server* Upstream::pick(resilience::Permit& permit, MonotonicTime now) const {
  const size_t count = servers.size();
  const uint64_t turn = count == 1 ? 0 : state->turn.fetch_add(1, std::memory_order_relaxed);
  for (size_t i = 0; i < count; ++i) {
    const auto& server = servers[(turn + i) % count];
    permit = server->breaker.allow(now);
    if (permit.is_given()) return server.get();
  }
  return nullptr;
}

std::shared_ptr<Upstream> UpstreamRegistry::find_or_make(const std::string& name,
                                                         const UpstreamSection& settings) {
  // Routes of one config that share an upstream share the object; a changed section makes a new one.
  if (auto known = upstreams_[name].lock(); known && known->settings == settings) return known;
  auto made = std::make_shared<Upstream>();
  made->name = name;
  made->settings = settings;
  made->backoff = {settings.retry_base, settings.retry_cap};
  made->metrics = make_upstream_metrics(metrics_, name);
  const resilience::Bulkhead::Limits limits{settings.max_in_flight, settings.queue};
  made->state = states_[name].lock();
  if (!made->state) {
    made->state = std::make_shared<UpstreamState>(limits);
    states_[name] = made->state;
    metrics_.gauge_callback(kInFlight, "Requests under way to an upstream.", {{"upstream", name}},
                            [weak = states_[name]] {
                              const auto living = weak.lock();
                              return living ? static_cast<double>(living->bulkhead.inside()) : 0.0;
                            });
  } else {
    made->state->bulkhead.set_limits(limits);
  }
  const resilience::BreakerSettings breaker{settings.breaker_failures,  settings.breaker_ratio,
                                            settings.breaker_minimum,   settings.breaker_window,
                                            settings.breaker_open_time, settings.breaker_open_cap,
                                            settings.breaker_probes};
  for (const Address& address : settings.servers) made->servers.push_back(server(name, address, breaker));
  upstreams_[name] = made;
  return made;
}

std::shared_ptr<Server> UpstreamRegistry::server(const std::string& upstream, const Address& address,
                                                 const resilience::BreakerSettings& settings) {
  std::weak_ptr<Server>& known = servers_[upstream + " " + address.to_string()];
  if (auto living = known.lock()) {
    living->breaker.set_settings(settings);
    return living;
  }
  auto made = std::make_shared<Server>(next_id_++, address, settings);
  known = made;
  metrics_.gauge_callback(kBreakerState, "A server's circuit breaker: 0 closed, 1 half-open, 2 open.",
                          breaker_labels(upstream, made->name()), [weak = known] {
                            const auto living = weak.lock();
                            return living ? breaker_value(living->breaker.state()) : 0.0;
                          });
  return made;
}

void UpstreamRegistry::collect() {
  std::erase_if(servers_, [this](const auto& entry) {
    if (!entry.second.expired()) return false;
    const size_t space = entry.first.find(' ');
    metrics_.retire(kBreakerState,
                    breaker_labels(entry.first.substr(0, space), entry.first.substr(space + 1)));
    return true;
  });
  std::erase_if(states_, [this](const auto& entry) {
    if (!entry.second.expired()) return false;
    metrics_.retire(kInFlight, {{"upstream", entry.first}});
    return true;
  });
}

std::vector<std::shared_ptr<Upstream>> UpstreamRegistry::upstreams() const {
  std::vector<std::shared_ptr<Upstream>> living;
  for (const auto& [name, weak] : upstreams_) {
    if (auto upstream = weak.lock()) living.push_back(std::move(upstream));
  }
  return living;
}

}  // namespace weir::gateway
