// A worker: a thread with a loop, the listening sockets that are its share, and the connections from them.
#pragma once

#include <future>
#include <map>
#include <memory>
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
  void listen(const std::string& address, aio::Descriptor socket);
  void stop_listening(const std::string& address);  // gently: nobody is reset
  // Finishes: listeners close gently, connections end by themselves. Then calls `ended` on the worker's
  // thread, whose loop stops.
  void drain(std::function<void()> ended);
  // Ends what is left at once, and joins the thread.
  void stop();
  // Answered by the loop: for the watchdog.
  void ping(std::function<void()> pong) { loop_.post(std::move(pong)); }

 private:
  void run(std::promise<void> started);
  void accept(aio::Stream stream);
  aio::Task<> close_listener(aio::Listener listener);
  void begin_finish(std::function<void()> ended);
  aio::Task<> finish(std::function<void()> ended);

  const unsigned index_;
  Service& service_;
  ConnectionCounts& counts_;
  aio::Loop loop_;
  aio::Scope connections_;
  aio::Scope closing_;  // listeners that drain
  aio::Scope tasks_;
  aio::Scope finish_;  // waits for all of these
  std::map<std::string, aio::Listener> listeners_;
  std::unique_ptr<WorkerService> worker_service_;
  bool draining_ = false;
  std::thread thread_;
};

}  // namespace weir::daemon
