// Watches over upstreams and splits, on the main thread: finds servers, checks them, judges how they answer,
// tells what has changed, and takes a bad canary out.
#pragma once

#include <memory>

#include "pkg/daemon/service.hh"
#include "pkg/dns/resolver.hh"
#include "pkg/gateway/snapshot.hh"
#include "pkg/health/checker.hh"

namespace weir::gateway {

class Supervision {
 public:
  explicit Supervision(daemon::Frame& frame);

  // What to watch over from now on.
  void adopt(std::shared_ptr<const Snapshot> snapshot);
  // Does it until it is cancelled; to be spawned once. How servers stand as it begins is no news.
  aio::Task<> run();

 private:
  void start_discovery();
  void discover(const std::shared_ptr<Upstream>& upstream, const std::string& source);
  aio::Task<> watch_file(std::shared_ptr<Upstream> upstream, std::string source);
  void read_file(const Upstream& upstream, const std::string& source);
  void set_probes();
  void take_verdict(const std::string& probe, const health::Verdict& verdict);
  void evaluate(MonotonicTime now);
  void tell_changes(const Upstream& upstream);
  void judge_canary(const Split& split, MonotonicTime now);

  daemon::Frame& frame_;
  dns::Resolver resolver_;
  aio::Scope discovery_;
  health::Checker checker_;
  std::shared_ptr<const Snapshot> snapshot_;
};

}  // namespace weir::gateway
