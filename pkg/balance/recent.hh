// What happened lately: how many requests ended well and how many failed, and how long they took, over a
// sliding window of six slots of which the oldest is forgotten as a whole. Recording is three or four relaxed
// adds from any thread; turning the window is one thread's task.
//
// Latencies are in buckets of an eighth of a power of two, from a microsecond to a minute and beyond: a
// quantile is right to within 6%.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "pkg/base/clock.hh"
#include "pkg/base/units.hh"

namespace weir::balance {

class Recent {
 public:
  void record(bool ok, Duration latency);

  // Forgets what is older than the window: by up to a fifth more is kept.
  void turn(MonotonicTime now, Duration window);
  void clear();

  struct Summary {
    uint64_t requests = 0;
    uint64_t failures = 0;
    Duration mean{0};
    Duration p50{0}, p90{0}, p99{0};
    double error_rate() const {
      return requests == 0 ? 0 : static_cast<double>(failures) / static_cast<double>(requests);
    }
  };
  Summary summary() const;
  Duration quantile(double share) const;  // zero where nothing was recorded

  struct Mean {
    uint64_t requests = 0;
    Duration latency{0};
  };
  Mean mean() const;
  uint64_t requests() const { return mean().requests; }
  uint64_t failures() const;

 private:
  static constexpr int kFirstPower = 10;  // 2^10 ns: what takes less is in the first bucket
  static constexpr int kPowers = 26;      // up to 2^36 ns, 69 s: what takes more is in the last
  static constexpr size_t kBuckets = kPowers * 8;
  static constexpr size_t kSlots = 6;
  using Counts = std::array<uint64_t, kBuckets>;

  struct Slot {
    std::atomic<uint64_t> requests = 0;
    std::atomic<uint64_t> failures = 0;
    std::atomic<uint64_t> nanoseconds = 0;
    std::array<std::atomic<uint32_t>, kBuckets> buckets{};
    void clear();
  };
  static size_t bucket_of(Duration latency);
  static double lower_bound(size_t bucket);
  static Duration quantile_of(const Counts& counts, uint64_t total, double share);
  uint64_t sum_buckets(Counts& counts) const;

  std::atomic<size_t> current_ = 0;
  MonotonicTime turned_at_{};
  std::array<Slot, kSlots> slots_;
};

}  // namespace weir::balance
