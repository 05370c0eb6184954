// Upstreams as all workers share them: a pool of servers and what is known of it.
//
// An UpstreamState lives as long as an upstream of its name: over reloads, with all that was learned. An
// Upstream is that state under the settings of one config.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pkg/balance/pool.hh"
#include "pkg/gateway/metrics.hh"
#include "pkg/gateway/request_key.hh"
#include "pkg/gateway/server.hh"
#include "pkg/gateway/sticky.hh"
#include "pkg/gateway/upstream_section.hh"
#include "pkg/resilience/backoff.hh"
#include "pkg/resilience/bulkhead.hh"
#include "pkg/resilience/retry_budget.hh"

namespace weir::gateway {

class UpstreamState {
 public:
  // Sources that are there without discovery.
  static constexpr const char* kConfigSource = "config";
  static constexpr const char* kAdminSource = "admin";

  // `next_id` counts the servers of all upstreams; it and `metrics` must outlive it.
  UpstreamState(std::string name, const UpstreamSection& settings, metrics::Registry& metrics,
                uint64_t& next_id);
  ~UpstreamState();

  const std::string& name() const { return name_; }
  // What cookies are signed with where the config gives no secret.
  const std::string& secret() const { return secret_; }
  void set_secret(std::string secret) { secret_ = std::move(secret); }  // for upstreams made from now on

  balance::Pool pool;
  resilience::Bulkhead bulkhead;
  resilience::RetryBudget budget;

  // What follows is for the main thread.
  void set_settings(const UpstreamSection& settings);
  // Where each server has a limit, all of them together have one, too: beyond it work waits in the queue.
  void update_capacity(const UpstreamSection& settings);
  // The servers that one source lists: the config, a DNS name, a file, an operator. The pool has those of all
  // sources; where two name the same server, the first source in the order of their names counts. Errors: a
  // list that the pool does not take.
  Result<> set_source(const std::string& source, std::vector<discovery::ListedServer> entries);
  // The others are forgotten, but for what an operator has added.
  void keep_sources(const std::vector<std::string>& sources);
  const std::vector<discovery::ListedServer>* source(const std::string& name) const;
  std::string source_of(std::string_view server) const;  // "" where none lists it
  std::vector<std::shared_ptr<Server>> servers() const;
  std::shared_ptr<Server> find(const std::string& server) const;

 private:
  Result<> update_members();
  void add_metrics(const std::shared_ptr<balance::Member>& member);
  void retire_metrics(const std::string& id);

  const std::string name_;
  std::string secret_;
  metrics::Registry& metrics_;
  uint64_t& next_id_;
  resilience::BreakerSettings breaker_settings_;
  std::map<std::string, std::vector<discovery::ListedServer>> sources_;
  std::map<std::string, std::shared_ptr<Server>> servers_;  // by name
};

struct Upstream {
  std::string name;
  UpstreamSection settings;
  resilience::Backoff backoff;
  std::shared_ptr<UpstreamState> state;
  std::shared_ptr<const aio::TlsContext> tls;  // null: in clear
  std::shared_ptr<const StickyCookie> sticky;  // null: no cookies
  RequestKey key;                              // what hashing algorithms go by
  UpstreamMetrics metrics;

  bool retries_status(int status) const;
  // On the main thread: the state is under these settings from now on.
  void apply() const;
  bool speaks_h2() const { return settings.protocol == UpstreamProtocol::h2; }
};

// All living upstreams by name. Main thread only.
class UpstreamRegistry {
 public:
  explicit UpstreamRegistry(metrics::Registry& metrics) : metrics_(metrics) {}

  // The upstream of this name with these settings, with what is known from before; apply() puts them in
  // force. Errors: files of TLS that cannot be used.
  Result<std::shared_ptr<Upstream>> find_or_make(const std::string& name, const UpstreamSection& settings);
  // All that live, for the status page, checks and discovery.
  std::vector<std::shared_ptr<Upstream>> upstreams() const;
  std::shared_ptr<Upstream> find(const std::string& name) const;
  // Upstreams are made anew from now on, whatever their settings.
  void forget() { upstreams_.clear(); }

 private:
  metrics::Registry& metrics_;
  uint64_t next_id_ = 0;
  std::map<std::string, std::weak_ptr<Upstream>> upstreams_;
  std::map<std::string, std::weak_ptr<UpstreamState>> states_;
};

}  // namespace weir::gateway
