// One thread's share of the proxy: its connections, its idle upstream connections, what its requests reuse.
#pragma once

#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "cmd/weir-proxy/exchange.hh"
#include "cmd/weir-proxy/handover.hh"
#include "cmd/weir-proxy/pool.hh"
#include "pkg/base/random.hh"
#include "pkg/daemon/event_sink.hh"
#include "pkg/daemon/service.hh"
#include "pkg/http/write.hh"

namespace weir::proxy {

class Worker final : public daemon::WorkerService {
 public:
  // `events` is shared by all workers; null when the access log is off.
  Worker(daemon::Worker& frame, std::shared_ptr<const Snapshot> snapshot,
         std::shared_ptr<daemon::EventSink> events, RouteMetrics unrouted);
  ~Worker() override;

  aio::Task<> serve(aio::Stream client, daemon::ListenPointPtr at) override;
  void on_drain() override;
  void release_tunnels(std::function<void(daemon::PassedTunnel)> sink, std::function<void()> done) override;
  aio::Task<> adopt_tunnel(daemon::PassedTunnel passed) override;
  // tunnels.cc: carries an upgraded connection's bytes to its end, or until another process goes on with it:
  // true. Then the sockets are not to be shut down.
  aio::Task<bool> run_tunnel(aio::Stream& client, aio::Stream& upstream, TunnelRecord record);

  // A reload, on this worker's thread: requests that begin from now on see the new snapshot.
  void adopt(std::shared_ptr<const Snapshot> snapshot, std::shared_ptr<daemon::EventSink> events);

  // For exchanges.
  aio::Loop& loop() { return frame_.loop(); }
  bool is_draining() const { return frame_.is_draining(); }
  const std::shared_ptr<const Snapshot>& snapshot() const { return snapshot_; }
  Pool& pool(const Server& server) { return pools_[server.id()]; }
  Random& random() { return random_; }
  http::DateField& date() { return date_; }
  const RouteMetrics& unrouted() const { return unrouted_; }
  // Where an access event is appended, or null when nobody wants it.
  std::string* events() { return events_ ? &pending_events_ : nullptr; }
  void flush_events();  // when there are enough of them to be worth it

 private:
  // A connection between requests. They are what a drain closes.
  struct Idle {
    aio::TaskContext* task;
    Idle** link = nullptr;
    Idle* next = nullptr;
  };
  class IdleMark;

  aio::Task<Exchange::Next> serve_request(aio::Stream& client, Peer peer);
  aio::Task<> linger(aio::Stream& client);
  aio::Task<> tick();
  aio::Task<> close_idle_connections();
  void hand_over_events();

  std::unique_ptr<Exchange> take_exchange();

  daemon::Worker& frame_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::shared_ptr<daemon::EventSink> events_;
  std::string pending_events_;
  std::unordered_map<uint64_t, Pool> pools_;  // by Server::id()
  std::vector<std::unique_ptr<Exchange>> free_exchanges_;
  Idle* idle_ = nullptr;
  bool closes_idle_ = false;
  Random random_;
  http::DateField date_;
  RouteMetrics unrouted_;
  std::list<aio::Tunnel*> tunnels_;
  std::function<void(daemon::PassedTunnel)> pass_tunnel_;  // once another process serves
};

}  // namespace weir::proxy
