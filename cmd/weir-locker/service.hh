// The lock server as a whole: the engine, which one worker owns, and the doors to it.
#pragma once

#include <functional>
#include <memory>

#include "cmd/weir-locker/config.hh"
#include "cmd/weir-locker/engine.hh"
#include "cmd/weir-locker/metrics.hh"
#include "pkg/daemon/rate_history.hh"

namespace weir::locker {

// What the doors go by; swapped as a whole.
struct DoorSettings {
  std::shared_ptr<const aio::TlsContext> http_tls;
  std::shared_ptr<const aio::TlsContext> redis_tls;
  std::shared_ptr<const aio::TlsContext> etcd_tls;
  HttpSettings http;
  RespSettings redis;
  EtcdSettings etcd;
};

class Service final : public daemon::Service {
 public:
  // Errors: a journal that cannot be read, or is another process's; certificates; an event file.
  static Result<std::unique_ptr<daemon::Service>> make(daemon::Frame& frame, const Config& config);
  Result<> reload(const Config& config);

  std::unique_ptr<daemon::WorkerService> start_worker(daemon::Worker& worker) override;
  void add_status(daemon::StatusPage& page) override;
  std::vector<daemon::ApiRoute> api_routes() override;
  void reopen_files() override;
  void flush() override;

 private:
  explicit Service(daemon::Frame& frame) : frame_(frame), metrics_(frame.metrics) {}
  Result<> adopt(const Config& config);
  void tell(const Happening& happening);
  aio::Task<> sample_rates();
  daemon::ApiResponse force_release(daemon::ApiRequest& request);

  daemon::Frame& frame_;
  Metrics metrics_;
  std::unique_ptr<Engine> engine_;
  std::shared_ptr<const DoorSettings> doors_;
  std::shared_ptr<daemon::EventSink> events_;
  std::shared_ptr<daemon::EventSink> worker_events_;  // as the worker's thread has it
  daemon::Worker* worker_ = nullptr;
  std::function<void(std::shared_ptr<const DoorSettings>)> adopt_doors_;  // on the worker's thread
  daemon::RateHistory grant_rate_;
};

}  // namespace weir::locker
