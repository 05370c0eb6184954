// One thread's share: its connections, its idle connections to servers, what its requests reuse.
#pragma once

#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "pkg/aio/idle_list.hh"
#include "pkg/base/random.hh"
#include "pkg/daemon/event_sink.hh"
#include "pkg/daemon/service.hh"
#include "pkg/gateway/exchange.hh"
#include "pkg/gateway/h2_pool.hh"
#include "pkg/gateway/handover.hh"
#include "pkg/gateway/mirror.hh"
#include "pkg/gateway/pool.hh"
#include "pkg/gateway/relay_udp.hh"
#include "pkg/http/h2_server.hh"
#include "pkg/http/write.hh"

namespace weir::gateway {

class Worker final : public daemon::WorkerService {
 public:
  // `events` is shared by all workers; null when the access log is off.
  Worker(daemon::Worker& frame, std::shared_ptr<const Snapshot> snapshot,
         std::shared_ptr<daemon::EventSink> events, RouteMetrics unrouted, daemon::EventHub& changes);
  ~Worker() override;

  aio::Task<> serve(aio::Stream client, daemon::ListenPointPtr at) override;
  void serve_datagrams(daemon::ListenPointPtr at, aio::Descriptor socket) override;
  aio::Task<> stop_datagrams(daemon::ListenPointPtr at) override;
  void on_drain() override;
  void release_tunnels(std::function<void(daemon::PassedTunnel)> sink, std::function<void()> done) override;
  aio::Task<> adopt_tunnel(daemon::PassedTunnel passed) override;
  // tunnels.cc: carries bytes between the two to their end, or until another process goes on with it.
  aio::Task<TunnelOutcome> run_tunnel(aio::Stream& client, aio::Stream& upstream, TunnelRecord record);

  // A reload, on this worker's thread: requests that begin from now on see the new snapshot.
  void adopt(std::shared_ptr<const Snapshot> snapshot, std::shared_ptr<daemon::EventSink> events);

  // For exchanges and relays.
  aio::Loop& loop() { return frame_.loop(); }
  const Snapshot& snapshot() const { return *snapshot_; }
  std::shared_ptr<const Snapshot> share_snapshot() const { return snapshot_; }
  bool is_draining() const { return frame_.is_draining(); }
  Pool& pool(const Server& server) { return pools_[server.id()]; }
  H2Pool& h2_pool(const Server& server) { return h2_pools_[server.id()]; }
  // A connection that speaks HTTP/2 from now on, in `pool` until it ends.
  H2Pool::Session start_h2(H2Pool& pool, aio::Stream stream, const Upstream& upstream);
  // Who takes part in an upstream's pool at this moment. Good until the next wait.
  const balance::View& view(const std::shared_ptr<UpstreamState>& state);
  Random& random() { return random_; }
  http::DateField& date() { return date_; }
  const RouteMetrics& unrouted() const { return unrouted_; }
  // Sends a copy of a request on its own; false when too many are under way.
  bool mirror(MirroredRequest request);
  daemon::EventHub& changes() { return changes_; }  // of state, for /events of the admin endpoint
  // Where an access event is appended, or null when nobody wants it.
  std::string* events() { return events_ ? &pending_events_ : nullptr; }
  void flush_events();  // when there are enough of them to be worth it

 private:
  // serve.cc
  aio::Task<> serve_arrival(aio::Stream client, Arrival arrival);
  aio::Task<bool> serve_other(aio::Stream& client, Arrival& arrival);
  aio::Task<bool> let_in(aio::Stream& client, Arrival& arrival);
  aio::Task<bool> begins_h2(aio::Stream& client, const Arrival& arrival);
  void refresh(Arrival& arrival) const;
  aio::Task<Exchange::Next> serve_h1_request(aio::Stream& client, const Arrival& arrival);
  aio::Task<> linger(aio::Stream& client);
  aio::Task<> serve_h2(aio::Stream& client, Arrival& arrival);
  aio::Task<> serve_h2_request(http::H2ServerStreamPtr request, Arrival& arrival);
  // relay.cc
  aio::Task<> relay(aio::Stream& client, const Arrival& arrival);

  aio::Task<> tick();
  aio::Task<> close_idle_connections();
  aio::Task<> run_mirrored(MirroredRequest request);
  aio::Task<> run_h2(H2Pool& pool, H2Pool::Session session);
  void hand_over_events();

  std::unique_ptr<Exchange> take_exchange();

  daemon::Worker& frame_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::shared_ptr<daemon::EventSink> events_;
  std::string pending_events_;
  std::unordered_map<uint64_t, Pool> pools_;  // by Server::id()
  std::unordered_map<uint64_t, H2Pool> h2_pools_;
  struct HeldView {
    std::shared_ptr<UpstreamState> state;
    balance::Pool::Reader reader;
  };
  std::unordered_map<const UpstreamState*, HeldView> views_;
  std::unordered_map<daemon::ListenPointPtr, std::unique_ptr<UdpRelay>> relays_;  // that receive
  std::vector<std::unique_ptr<Exchange>> free_exchanges_;
  aio::IdleList idle_;
  std::vector<http::H2ServerSession*> h2_clients_;
  bool closes_idle_ = false;
  size_t mirrored_under_way_ = 0;
  Random random_;
  http::DateField date_;
  RouteMetrics unrouted_;
  daemon::EventHub& changes_;
  std::list<aio::Tunnel*> tunnels_;
  std::function<void(daemon::PassedTunnel)> pass_tunnel_;  // once another process serves
};

}  // namespace weir::gateway
