// A worker: a thread with a loop, the listening sockets that are its share, and the connections from them.
#pragma once

#include <future>
#include <list>
#include <memory>
#include <optional>
#include <thread>

#include "pkg/aio/listener.hh"
#include "pkg/daemon/service.hh"

namespace weir::daemon {

// Connections of all workers together.
struct ConnectionCounts {
  std::shared_ptr<metrics::Gauge> open;
  std::shared_ptr<metrics::Counter> accepted;
  std::shared_ptr<metrics::Counter> refused;  // beyond max_connections
  std::atomic<uint64_t> most = 65536;
};

class WorkerThread final : public Worker {
 public:
  WorkerThread(unsigned index, Service& service, ConnectionCounts& counts);
  ~WorkerThread() override;  // stop() must have been called

  aio::Loop& loop() override { return loop_; }
  unsigned index() const override { return index_; }
  bool is_draining() const override { return draining_; }
  aio::Scope& tasks() override { return tasks_; }

  // From the main thread; each takes effect on the worker's.
  void listen(ListenPointPtr point, aio::Descriptor socket);
  void rename(ListenPointPtr before, ListenPointPtr after);
  void stop_listening(ListenPointPtr point);  // gently: nobody is reset
  // The socket lives on with others who have it: this worker lets go of it, and no more.
  void leave(ListenPointPtr point);
  // A connection of the process before this one.
  void adopt(PassedTunnel tunnel);
  // WorkerService::release_tunnels(), with both called on this worker's thread.
  void release_tunnels(std::function<void(PassedTunnel)> sink, std::function<void()> done);
  // Finishes: listeners close gently, connections end by themselves. Then calls `ended` on the worker's
  // thread, whose loop stops.
  void drain(std::function<void()> ended);
  // Ends what is left at once, and joins the thread.
  void stop();
  // Answered by the loop: for the watchdog.
  void ping(std::function<void()> pong) { loop_.post(std::move(pong)); }

 private:
  // A socket that is served. A datagram point's is the service's.
  struct Place {
    ListenPointPtr point;
    std::optional<aio::Listener> listener;
  };

  void run(std::promise<void> started);
  void begin_listening(ListenPointPtr point, aio::Descriptor socket);
  void accept(aio::Stream stream, ListenPointPtr at);
  enum class Closing { gently, at_once };
  void close_places(const ListenPointPtr& point, Closing closing);
  void close_place(std::list<Place>::iterator place, Closing closing);
  aio::Task<> finish_place(std::list<Place> one);
  void begin_finish(std::function<void()> ended);
  aio::Task<> finish(std::function<void()> ended);

  const unsigned index_;
  Service& service_;
  ConnectionCounts& counts_;
  aio::Loop loop_;
  aio::Scope connections_;
  aio::Scope closing_;  // listeners that drain
  aio::Scope tasks_;
  aio::Scope finish_;        // waits for all of these
  std::list<Place> places_;  // a connection's callback points at its own
  std::unique_ptr<WorkerService> worker_service_;
  bool draining_ = false;
  std::thread thread_;
};

}  // namespace weir::daemon
