// The exact sliding window: for each key the times of its last requests, as many as the rate allows. Exact,
// and paid for in memory: eight bytes a remembered request and about 100 a key. Bounded by dropping keys that
// were used longest ago, though none that is over its limit.
#pragma once

#include <array>
#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "pkg/limit/policy.hh"

namespace weir::limit {

class LogStore {
 public:
  explicit LogStore(Bytes size);

  // `hash` must tell rules apart as well as keys.
  Decision decide(uint64_t hash, const Rate& rate, Time now, uint32_t cost);
  void refund(uint64_t hash, uint32_t cost);

  size_t bytes() const;
  uint64_t evicted() const { return evicted_.load(std::memory_order_relaxed); }
  uint64_t unrecorded() const { return unrecorded_.load(std::memory_order_relaxed); }

 private:
  // A ring of times, oldest first from `first`; grows up to the rate's count.
  struct Log {
    std::vector<Time> ring;
    size_t first = 0;
    size_t size = 0;
    uint64_t most = 0;  // the rate's count when last used
    Time period = 0;
    std::list<uint64_t>::iterator place;  // in the shard's order of use

    Time at(size_t i) const { return ring[(first + i) % ring.size()]; }
    void drop_before(Time oldest);
    void push(Time time);
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<uint64_t, Log> logs;
    std::list<uint64_t> used;  // the one used last is at the back
    size_t bytes = 0;
  };

  static size_t bytes_of(const Log& log) { return kKeyBytes + log.ring.capacity() * sizeof(Time); }
  bool make_room(Shard& shard, Time now, size_t wanted);

  static constexpr size_t kShards = 64;
  static constexpr size_t kKeyBytes = 120;
  size_t most_bytes_;  // a shard's share
  std::array<Shard, kShards> shards_;
  std::atomic<uint64_t> evicted_ = 0;
  std::atomic<uint64_t> unrecorded_ = 0;
};

}  // namespace weir::limit
