// Where connections come in, made ready: who may connect, how TLS is spoken, where requests go from here.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "pkg/gateway/listener_section.hh"
#include "pkg/gateway/metrics.hh"
#include "pkg/gateway/peer.hh"
#include "pkg/gateway/split.hh"
#include "pkg/http/router.hh"
#include "pkg/limit/limiter.hh"

namespace weir::gateway {

// What a listener keeps across reloads.
struct ListenerState {
  std::atomic<uint64_t> connections = 0;  // open now
  std::shared_ptr<aio::TicketKeys> ticket_keys = std::make_shared<aio::TicketKeys>();
};

// An upstream, or a split of several.
struct Destination {
  std::shared_ptr<Upstream> upstream;
  std::shared_ptr<Split> split;  // instead, where it is set

  // For a connection, of which nothing is known but who it is.
  std::shared_ptr<Upstream> choose(const IpAddress& client, Random& random) const {
    return split ? split->choose(client, {}, {}, random) : upstream;
  }
  bool is_set() const { return upstream != nullptr || split != nullptr; }
  const std::string& name() const { return split ? split->name : upstream->name; }
};

struct Listener {
  std::string name;  // of listeners in server.listen ""
  ListenerSection settings;
  http::Router router{{}};
  std::vector<size_t> routes;                               // by the router's index: the snapshot's
  std::shared_ptr<const aio::TlsContext> tls;               // null: in clear
  Destination destination;                                  // of all but http
  std::map<std::string, Destination, std::less<>> by_name;  // of sni; "*.example" as ".example"
  std::unique_ptr<limit::Limiter> rate;                     // null: none
  std::shared_ptr<ListenerState> state;
  std::shared_ptr<ListenerMetrics> metrics;
  std::shared_ptr<UdpMetrics> udp_metrics;  // null: of another mode

  enum class Refusal { none, denied, rate, full };
  // Whether a client may come in that an Admission counts already.
  Refusal admit(const Peer& peer, limit::Time now) const;
  bool let_in(const Peer& peer, limit::Time now) const;  // the same, with a refusal counted
  // Where a TLS connection for this name goes; null: nowhere.
  const Destination* find(std::string_view server_name) const;
};

std::string_view to_string(Listener::Refusal refusal);

// A connection as its listener counts it.
class Admission {
 public:
  explicit Admission(const std::shared_ptr<ListenerState>& state) : state_(state) {
    state_->connections.fetch_add(1, std::memory_order_relaxed);
  }
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;
  ~Admission() { state_->connections.fetch_sub(1, std::memory_order_relaxed); }

 private:
  std::shared_ptr<ListenerState> state_;
};

}  // namespace weir::gateway
