// A daemon from start to exit: bind, start the workers, serve, reload on SIGHUP, drain on SIGTERM.
#pragma once

#include "pkg/aio/signal.hh"
#include "pkg/base/clock.hh"
#include "pkg/daemon/admin.hh"
#include "pkg/daemon/cli.hh"
#include "pkg/daemon/listening.hh"
#include "pkg/daemon/predecessor.hh"
#include "pkg/daemon/successor.hh"

namespace weir::daemon {

class Lifecycle {
 public:
  // `command`: what this process was started with, for starting its successor.
  Lifecycle(const AnyProgram& program, config::Input input, AnyConfig config,
            std::vector<std::string> command);
  int run();  // until the daemon ends; its exit code

 private:
  enum class State { starting, serving, draining, ended };

  // Start, in this order. An exit code ends it.
  int start();
  void log_ready() const;

  // upgrade.cc: taking over from another process, and handing over to one.
  int take_over();
  aio::Task<> take_from_predecessor();
  Result<std::vector<aio::Descriptor>> open_admin(const Address& address);
  void close_unused_admin_sockets();
  void wait_for_successors();
  aio::Task<> follow_predecessor();
  void adopt(PassedTunnel tunnel);
  void upgrade();
  aio::Task<> accept_successors();
  aio::Task<> hand_over(aio::Descriptor socket, aio::Descriptor child);
  aio::Task<Result<>> hand_over_to(Successor& successor);
  Result<std::vector<OfferedSocket>> sockets_to_offer() const;
  void leave();

  // The errors of a config that cannot be loaded go to `problems`, where one is given.
  Result<> reload(config::Problems* problems = nullptr);
  Result<> apply(const AnyConfig& next);
  void drain();
  void finish_within(Duration timeout);
  void on_worker_ended();
  aio::Task<> force_end_after(Duration timeout);
  aio::Task<> watch_loops();
  aio::Task<> end();
  void stop_workers();

  void register_metrics();
  StatusPage status_page();
  std::string_view state_name() const;

  // The routes of the admin API that every daemon has.
  void add_api_routes(Api& api);
  ApiResponse get_status() const;
  ApiResponse post_reload(ApiRequest& request);
  ApiResponse put_log(ApiRequest& request);

  const AnyProgram& program_;
  const config::Input input_;
  const std::vector<std::string> command_;
  AnyConfig config_;
  const MonotonicTime started_ = MonotonicTime::clock::now();
  State state_ = State::starting;

  aio::Loop loop_;
  aio::Scope tasks_;   // the service's
  aio::Scope frame_;   // our own
  aio::Scope ending_;  // end(), which waits for both
  metrics::Registry metrics_;
  EventHub events_{loop_, WallTime::clock::now()};
  Frame service_frame_{loop_, tasks_, metrics_, events_};
  ConnectionCounts counts_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<AdminEndpoint> admin_;
  std::vector<std::unique_ptr<WorkerThread>> workers_;
  Listening listening_;
  std::unique_ptr<Predecessor> predecessor_;  // until it has left
  Inheritance inheritance_;                   // what is left of it
  std::unique_ptr<Successor> successor_;
  size_t next_adopter_ = 0;
  std::map<std::string, aio::Descriptor> admin_sockets_;  // duplicates, by address
  aio::Descriptor handover_socket_;
  bool handing_over_ = false;
  bool handed_over_ = false;
  bool asked_to_end_ = false;  // after that
  int exit_code_ = kExitFine;
  size_t workers_ended_ = 0;
  std::shared_ptr<metrics::Counter> reloads_;
  std::shared_ptr<metrics::Counter> failed_reloads_;
  std::shared_ptr<metrics::Gauge> last_reload_;
};

}  // namespace weir::daemon
