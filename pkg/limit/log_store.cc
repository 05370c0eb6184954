#include "pkg/limit/log_store.hh"

#include <algorithm>

namespace weir::limit {
namespace {

using Log = detail::LogArena::Log;

Duration until(Time time, Time now) {
  return Duration{static_cast<int64_t>(time - std::min(now, time))};
}

// What is said of a log after the decision: `log` is null for a key without one.
void describe(Decision& decision, const detail::LogArena& logs, const Log* log, const Rate& rate, Time now,
              uint32_t cost) {
  const auto period = static_cast<Time>(rate.period.count());
  const uint64_t size = log == nullptr ? 0 : log->size;
  decision.remaining = rate.count - std::min(rate.count, size);
  decision.reset = size > 0 ? until(log->newest + period, now) : Duration{0};
  if (decision.allowed) return;
  decision.retry_after =
      cost > rate.count ? rate.period : until(logs.at(*log, size + cost - rate.count - 1) + period, now);
}

}  // namespace

size_t LogStore::cells_of_shard(Bytes size) {
  return std::max<size_t>(size.count / kShards / detail::LogArena::bytes_of(1), 4);
}

LogStore::LogStore(Bytes size) : LogStore(size, std::make_index_sequence<kShards>()) {}

Result<> LogStore::check(const Rate& rate, Bytes size) {
  constexpr size_t kFullLogs = 4;
  const size_t wanted = kFullLogs * detail::LogArena::cells_of(rate.count);
  if (wanted <= cells_of_shard(size)) return {};
  constexpr uint64_t kKibi = 1024;
  const uint64_t least = wanted * kShards * detail::LogArena::bytes_of(1) / kKibi + 1;
  return fail(Errc::limit, "the logs of a sliding_window of " + rate.to_string() + " need " +
                               format_bytes(Bytes{least * kKibi}) + " at least; there are " +
                               format_bytes(size));
}

Decision LogStore::decide(uint64_t hash, const Rate& rate, Time now, uint32_t cost) {
  Shard& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  const auto period = static_cast<Time>(rate.period.count());
  Log* log = shard.logs.find(hash);
  // On another thread's clock it may be later already; the times in a log never go back.
  const Time at = log == nullptr ? now : std::max(now, log->newest);
  if (log != nullptr) {
    log->limit = static_cast<uint32_t>(rate.count);
    log->period = period;
    // A request leaves the window when it is a whole period old. Where a reload has lowered the count, the
    // newest `count` times tell as much as all.
    if (at >= period) shard.logs.drop_until(*log, at - period);
    while (log->size > rate.count) shard.logs.drop_oldest(*log);
  }
  Decision decision;
  decision.limit = rate.count;
  decision.allowed = (log == nullptr ? 0 : log->size) + uint64_t{cost} <= rate.count;
  if (decision.allowed && cost > 0) {
    const bool has_room = log != nullptr ? shard.logs.reserve(*log, at, cost)
                                         : (log = shard.logs.create(hash, rate, at, cost)) != nullptr;
    if (has_room) {
      for (uint32_t i = 0; i < cost; ++i) shard.logs.push(*log, at);
    } else {
      ++shard.unrecorded;
    }
  }
  describe(decision, shard.logs, log, rate, now, cost);
  return decision;
}

void LogStore::refund(uint64_t hash, uint32_t cost) {
  Shard& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  Log* log = shard.logs.find(hash);
  if (log == nullptr) return;
  for (uint32_t i = 0; i < cost && log->size > 0; ++i) shard.logs.drop_newest(*log);
}

template <typename Read>
uint64_t LogStore::sum(Read read) const {
  uint64_t sum = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    sum += read(shard);
  }
  return sum;
}

size_t LogStore::bytes() const {
  return sum([](const Shard& shard) { return detail::LogArena::bytes_of(shard.logs.cells_in_use()); });
}

uint64_t LogStore::evicted() const {
  return sum([](const Shard& shard) { return shard.logs.dropped(); });
}

uint64_t LogStore::unrecorded() const {
  return sum([](const Shard& shard) { return shard.unrecorded; });
}

}  // namespace weir::limit
