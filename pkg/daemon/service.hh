// What a daemon brings to the frame: one Service for the process, one WorkerService for each thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pkg/aio/scope.hh"
#include "pkg/aio/socket.hh"
#include "pkg/aio/stream.hh"
#include "pkg/daemon/api.hh"
#include "pkg/daemon/event_hub.hh"
#include "pkg/daemon/status_page.hh"
#include "pkg/metrics/registry.hh"

namespace weir::daemon {

// Where a daemon takes connections or datagrams.
struct ListenPoint {
  enum class Kind { stream, datagram };

  std::string name;  // what the config calls it; of server.listen, the address's text
  Address address;   // as configured
  Kind kind = Kind::stream;
  bool operator==(const ListenPoint&) const = default;
};
using ListenPointPtr = std::shared_ptr<const ListenPoint>;

// A piece of what a service has learned, for the process that takes over from this one. Both may be of
// different versions: a form that the reader does not know is to be left out, not to be trusted.
struct StateBlob {
  std::string name;
  std::string bytes;
  aio::Descriptor descriptor = {};  // optional, such as a memfd
};

// A connection that lives on in the process that takes over.
struct PassedTunnel {
  std::string listener;  // the name of the point where it came in
  std::string bytes;     // all else that there is to know, in the service's own form
  aio::Descriptor client;
  aio::Descriptor upstream = {};  // optional
};

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
  virtual aio::Task<> serve(aio::Stream stream, ListenPointPtr at) = 0;
  // This worker's socket of a datagram point: what comes to it is the service's from now on. It is one of
  // SO_REUSEPORT siblings, a worker each, over which the kernel spreads the peers.
  virtual void serve_datagrams(ListenPointPtr, aio::Descriptor) {}
  // The point goes, or the daemon ends: nothing is to be received there from now on. The task ends, with the
  // socket closed, when what was begun there is done; it is cancelled when it has no more time.
  virtual aio::Task<> stop_datagrams(ListenPointPtr) { co_return; }
  // is_draining() has become true.
  virtual void on_drain() {}

  // Another process has taken over and serves already. Gives away the connections that can go on there, at
  // once or as they get to a point where they can; `done` says that there will be no more. What is not given
  // away ends here. Both are called on this worker's thread and are valid as long as it lives.
  virtual void release_tunnels(std::function<void(PassedTunnel)>, std::function<void()> done) { done(); }
  // A connection of the process before this one, to its end, as serve() does. Where it cannot go on, it is
  // closed.
  virtual aio::Task<> adopt_tunnel(PassedTunnel) { co_return; }
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
  // What the process that takes over is to know; this one goes on for a while.
  virtual std::vector<StateBlob> export_state() { return {}; }
  // What the process before this one knew. Called before there are workers.
  virtual void import_state(std::vector<StateBlob>) {}
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
