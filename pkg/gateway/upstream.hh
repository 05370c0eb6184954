// Upstreams and their servers as all workers share them. A Server outlives the config it came from: a reload
// that still names it takes it over with its breaker and its counts.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "pkg/gateway/config.hh"
#include "pkg/gateway/metrics.hh"
#include "pkg/resilience/backoff.hh"
#include "pkg/resilience/bulkhead.hh"
#include "pkg/resilience/circuit_breaker.hh"
#include "pkg/resilience/retry_budget.hh"

namespace weir::gateway {

class Server {
 public:
  Server(uint64_t id, const Address& address, resilience::BreakerSettings settings);

  uint64_t id() const { return id_; }  // never used again: what workers know their connections by
  const Address& address() const { return address_; }
  const std::string& name() const { return name_; }  // the address as text
  bool needs_resolving() const { return address_.kind == Address::Kind::name; }

  // Where to connect to, in turn where a name has several addresses; nothing while it has not resolved.
  std::optional<Address> next_address();
  void set_addresses(std::vector<Address> addresses);
  size_t address_count() const;

  resilience::CircuitBreaker breaker;

 private:
  const uint64_t id_;
  const Address address_;
  const std::string name_;
  mutable std::mutex mutex_;  // for names only, whose addresses change
  std::vector<Address> resolved_;
  size_t turn_ = 0;
};

// What an upstream keeps across reloads.
struct UpstreamState {
  explicit UpstreamState(resilience::Bulkhead::Limits limits)
      : bulkhead(limits), budget(MonotonicTime::clock::now()) {}
  resilience::Bulkhead bulkhead;
  resilience::RetryBudget budget;
  std::atomic<uint64_t> turn = 0;
};

// An upstream as one config has it.
struct Upstream {
  std::string name;
  UpstreamSection settings;
  resilience::Backoff backoff;
  std::shared_ptr<UpstreamState> state;
  std::vector<std::shared_ptr<Server>> servers;
  UpstreamMetrics metrics;

  bool retries_status(int status) const;
  // The server to ask next, with its breaker's permit; null when none may be asked.
  Server* pick(resilience::Permit& permit, MonotonicTime now) const;
};

// All living servers and upstream states, by name. Main thread only.
class UpstreamRegistry {
 public:
  explicit UpstreamRegistry(metrics::Registry& metrics) : metrics_(metrics) {}

  // The upstream of this name with these settings: new, or with what is known from before.
  std::shared_ptr<Upstream> find_or_make(const std::string& name, const UpstreamSection& settings);
  // Takes what no config uses any more out of the metrics.
  void collect();
  // All that live, for the status page and for resolving names.
  std::vector<std::shared_ptr<Upstream>> upstreams() const;

 private:
  std::shared_ptr<Server> server(const std::string& upstream, const Address& address,
                                 const resilience::BreakerSettings& settings);

  metrics::Registry& metrics_;
  uint64_t next_id_ = 0;
  std::map<std::string, std::weak_ptr<Upstream>> upstreams_;
  std::map<std::string, std::weak_ptr<UpstreamState>> states_;
  std::map<std::string, std::weak_ptr<Server>> servers_;  // by upstream name and address
};

}  // namespace weir::gateway
