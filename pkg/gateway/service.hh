// The proxy as a whole, on the main thread: makes snapshots of configs and hands them to the workers,
// resolves the names of servers, tells how things are.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "pkg/daemon/rate_history.hh"
#include "pkg/gateway/server_rates.hh"
#include "pkg/gateway/split_api.hh"
#include "pkg/gateway/supervision.hh"
#include "pkg/gateway/upstream_api.hh"
#include "pkg/gateway/worker.hh"

namespace weir::gateway {

class Service final : public daemon::Service {
 public:
  // Errors: what a config's check cannot see, such as an access log that cannot be opened.
  static Result<std::unique_ptr<daemon::Service>> make(daemon::Frame& frame, const Config& config);

  Result<> reload(const Config& config);

  std::unique_ptr<daemon::WorkerService> start_worker(daemon::Worker& worker) override;
  void add_status(daemon::StatusPage& page) override;
  std::vector<daemon::StateBlob> export_state() override;
  void import_state(std::vector<daemon::StateBlob> blobs) override;
  std::vector<daemon::ApiRoute> api_routes() override;
  void reopen_files() override;
  void flush() override;

 private:
  struct Seat {
    daemon::Worker* frame;
    Worker* worker;
  };

  Service(daemon::Frame& frame, const Config& config);
  Result<> adopt(const Config& config);
  Result<> import_limits(std::string_view saved);
  Result<> import_gateway(std::string_view saved);
  Result<std::shared_ptr<daemon::EventSink>> open_events(const daemon::EventTarget& target);
  void register_metrics();
  uint64_t total_requests() const;
  aio::Task<> sample_rates();
  aio::Task<> resolve_names();
  aio::Task<> resolve(std::shared_ptr<Upstream> upstream);

  daemon::Frame& frame_;
  std::unique_ptr<LimitState> limits_;
  UpstreamRegistry upstreams_;
  SplitRegistry splits_;
  ListenerStates listeners_;
  Supervision supervision_;
  RouteMetrics unrouted_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::shared_ptr<daemon::EventSink> events_;
  aio::Event names_changed_;
  daemon::RateHistory request_rate_;
  ServerRates server_rates_;
  UpstreamApi upstream_api_;
  SplitApi split_api_;
  std::mutex mutex_;  // guards seats_, which workers take as they start
  std::vector<Seat> seats_;
};

}  // namespace weir::gateway
