// The exact sliding window: for each key the times of its last requests, as many as the rate allows. Exact,
// also across threads, and paid for in memory: 66 bytes a key and 11 for each request that it holds, so that
// 100/minute costs at most 1.3 KiB a key. Bounded: where memory is out, the logs that were used longest ago
// go first (log_arena.hh), but none that is over its limit; a request that then finds no place passes
// uncounted (unrecorded()).
#pragma once

#include <array>
#include <atomic>
#include <mutex>

#include "pkg/base/wire.hh"
#include "pkg/limit/log_arena.hh"

namespace weir::limit {

class LogStore {
 public:
  explicit LogStore(Bytes size);

  // `hash` must tell rules apart as well as keys.
  Decision decide(uint64_t hash, const Rate& rate, Time now, uint32_t cost);
  void refund(uint64_t hash, uint32_t cost);

  // Errc::limit where four full logs of this rate do not fit the part of `size` that they share: then one
  // busy key could take the place of all others, or not be limited at all.
  static Result<> check(const Rate& rate, Bytes size);

  // For State::save(); load() is for a store that nobody has used. False for what save() has not written.
  void save(std::string& out) const;
  bool load(WireReader& reader);

  Bytes size() const { return size_; }
  size_t bytes() const;         // in use
  uint64_t evicted() const;     // keys that were dropped while they still counted
  uint64_t unrecorded() const;  // requests that found no place

 private:
  using Log = detail::LogArena::Log;
  struct alignas(64) Shard {
    explicit Shard(size_t cells) : logs(cells) {}
    mutable std::mutex mutex;
    detail::LogArena logs;
    uint64_t unrecorded = 0;
  };
  static constexpr size_t kShards = 8;
  static size_t cells_of_shard(Bytes size);

  template <size_t... I>
  LogStore(Bytes size, std::index_sequence<I...>)
      : size_(size), shards_{((void)I, Shard(cells_of_shard(size)))...} {}

  Shard& shard_of(uint64_t hash) { return shards_[hash % kShards]; }
  template <typename Read>
  uint64_t sum(Read read) const;

  Bytes size_;
  std::array<Shard, kShards> shards_;
};

}  // namespace weir::limit
