#include "pkg/balance/member.hh"

#include "pkg/balance/placement.hh"

namespace weir::balance {

Member::Member(std::string name, std::shared_ptr<PoolCounters> counters, std::shared_ptr<void> companion)
    : name_(std::move(name)),
      hash_(hash_name(name_)),
      counters_(std::move(counters)),
      companion_(std::move(companion)) {}

uint64_t Member::record(bool ok, Duration latency, MonotonicTime now, Duration decay) {
  requests_.fetch_add(1, std::memory_order_relaxed);
  recent_.record(ok, latency);
  if (ok) {
    latency_.observe(latency, now, decay);
    if (failures_in_row_.load(std::memory_order_relaxed) != 0)
      failures_in_row_.store(0, std::memory_order_relaxed);
    return 0;
  }
  latency_.observe_failure(latency, now, decay);
  failures_.fetch_add(1, std::memory_order_relaxed);
  return failures_in_row_.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace weir::balance
