// What weir-locker counts.
#pragma once

#include <array>
#include <memory>

#include "cmd/weir-locker/happenings.hh"
#include "pkg/metrics/registry.hh"

namespace weir::locker {

class Engine;

class Metrics {
 public:
  explicit Metrics(metrics::Registry& registry);
  void count(const Happening& happening);
  // Those that are asked of the engine at each scrape, which must not end before that.
  static void register_state(metrics::Registry& registry, const Engine& engine);

  uint64_t granted() const { return granted_->total(); }
  uint64_t lost() const { return expired_->total() + forced_->total(); }

 private:
  std::shared_ptr<metrics::Counter> claimed_;
  std::shared_ptr<metrics::Counter> granted_;
  std::shared_ptr<metrics::Counter> released_;
  std::shared_ptr<metrics::Counter> withdrawn_;
  std::shared_ptr<metrics::Counter> expired_;
  std::shared_ptr<metrics::Counter> forced_;
};

}  // namespace weir::locker
