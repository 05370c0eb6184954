// What a daemon brings to the frame: one Service for the process, one WorkerService for each thread.
#pragma once

#include <memory>

#include "pkg/aio/scope.hh"
#include "pkg/aio/stream.hh"
#include "pkg/daemon/api.hh"
#include "pkg/daemon/event_hub.hh"
#include "pkg/daemon/status_page.hh"
#include "pkg/metrics/registry.hh"

namespace weir::daemon {

// A thread with its loop, as its service sees it. Everything here is for that thread, but for loop().post().
class Worker {
 public:
  virtual ~Worker() = default;
  virtual aio::Loop& loop() = 0;
  virtual unsigned index() const = 0;  // from 0
  // The daemon is ending: what is under way is to be finished, nothing new begun.
  virtual bool is_draining() const = 0;
  // For tasks beside the connections. They are cancelled when the connections have ended.
  virtual aio::Scope& tasks() = 0;
};

class WorkerService {
 public:
  virtual ~WorkerService() = default;
  // One connection, from accept to end. Runs in a task of its own.
  virtual aio::Task<> serve(aio::Stream stream) = 0;
  // is_draining() has become true.
  virtual void on_drain() {}
};

class Service {
 public:
  virtual ~Service() = default;
  // Called on the worker's thread before it serves.
  virtual std::unique_ptr<WorkerService> start_worker(Worker& worker) = 0;

  // What follows is called on the main thread.
  virtual void add_status(StatusPage&) {}
  // What the daemon can be asked and told at run time, beside what the frame offers. Asked for once.
  virtual std::vector<ApiRoute> api_routes() { return {}; }
  virtual bool is_ready() const { return true; }
  virtual void reopen_files() {}
  // All workers have ended: write out what is left.
  virtual void flush() {}
};

// What the frame offers a Service. Lives longer than it does.
struct Frame {
  aio::Loop& loop;    // the main thread's, for work that is not a connection's
  aio::Scope& tasks;  // on that loop; cancelled when the daemon ends
  metrics::Registry& metrics;
  EventHub& events;  // for changes of state that operators and programs want to hear of
};

}  // namespace weir::daemon
