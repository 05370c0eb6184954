// One thread's share of the proxy: its connections, its idle upstream connections, what its requests reuse.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "pkg/base/random.hh"
#include "pkg/daemon/event_sink.hh"
#include "pkg/daemon/service.hh"
#include "pkg/gateway/exchange.hh"
#include "pkg/gateway/mirror.hh"
#include "pkg/gateway/pool.hh"
#include "pkg/http/write.hh"

namespace weir::gateway {

class Worker final : public daemon::WorkerService {
 public:
  // `events` is shared by all workers; null when the access log is off.
  Worker(daemon::Worker& frame, std::shared_ptr<const Snapshot> snapshot,
         std::shared_ptr<daemon::EventSink> events, RouteMetrics unrouted, daemon::EventHub& changes);
  ~Worker() override;

  aio::Task<> serve(aio::Stream client, daemon::ListenPointPtr at) override;
  void on_drain() override;

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
  // Sends a copy of a request on its own; false when too many are under way.
  bool mirror(MirroredRequest request);
  daemon::EventHub& changes() { return changes_; }  // of state, for /events of the admin endpoint
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
  aio::Task<> run_mirrored(MirroredRequest request);
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
  size_t mirrored_under_way_ = 0;
  Random random_;
  http::DateField date_;
  RouteMetrics unrouted_;
  daemon::EventHub& changes_;
};

}  // namespace weir::gateway
