#include "pkg/limit/log_store.hh"

#include <algorithm>

namespace weir::limit {

LogStore::LogStore(Bytes size) : most_bytes_(std::max<size_t>(size.count / kShards, 1024)) {}

void LogStore::Log::drop_before(Time oldest) {
  while (size > 0 && at(0) < oldest) {
    first = (first + 1) % ring.size();
    --size;
  }
}

void LogStore::Log::push(Time time) {
  if (size == ring.size()) {
    std::rotate(ring.begin(), ring.begin() + static_cast<std::ptrdiff_t>(first), ring.end());
    first = 0;
    ring.resize(std::max<size_t>(4, std::min<size_t>(ring.size() * 2, most)));
  }
  ring[(first + size++) % ring.size()] = time;
}

Decision LogStore::decide(uint64_t hash, const Rate& rate, Time now, uint32_t cost) {
  Shard& shard = shards_[hash % kShards];
  const std::lock_guard lock(shard.mutex);
  const auto period = static_cast<Time>(rate.period.count());
  // A request leaves the window when it is a whole period old.
  const Time oldest = now >= period ? now - period + 1 : 0;

  auto found = shard.logs.find(hash);
  Decision decision;
  decision.limit = rate.count;
  const size_t size_before = found == shard.logs.end() ? 0 : bytes_of(found->second);
  if (found == shard.logs.end()) {
    decision.allowed = cost <= rate.count;
    decision.remaining = decision.allowed ? rate.count - cost : rate.count;
    decision.reset = rate.period;
    if (!decision.allowed) decision.retry_after = rate.period;
    const size_t wanted = kKeyBytes + std::max<size_t>(4, cost) * sizeof(Time);
    if (!decision.allowed) return decision;
    if (!make_room(shard, now, wanted)) {
      unrecorded_.fetch_add(1, std::memory_order_relaxed);
      return decision;
    }
    found = shard.logs.emplace(hash, Log{}).first;
    found->second.place = shard.used.insert(shard.used.end(), hash);
  } else {
    shard.used.splice(shard.used.end(), shard.used, found->second.place);
  }

  Log& log = found->second;
  log.most = rate.count;
  log.period = period;
  log.drop_before(oldest);
  decision.allowed = log.size + cost <= rate.count;
  if (decision.allowed) {
    for (uint32_t i = 0; i < cost; ++i) log.push(now);
  } else if (cost <= rate.count) {
    const Time frees = log.at(std::min<size_t>(log.size + cost - rate.count, log.size) - 1);
    decision.retry_after = Duration{static_cast<int64_t>(frees + period - std::min(now, frees + period))};
  } else {
    decision.retry_after = rate.period;
  }
  decision.remaining = rate.count - std::min<uint64_t>(log.size, rate.count);
  const Time last = log.size > 0 ? log.at(log.size - 1) + period : now;
  decision.reset = Duration{static_cast<int64_t>(last - std::min(now, last))};
  shard.bytes += bytes_of(log) - size_before;
  return decision;
}

// Drops the keys used longest ago until `wanted` bytes fit. Looks at a few only, so that one decision stays
// short; what is over its limit is passed over and counts as just looked at.
bool LogStore::make_room(Shard& shard, Time now, size_t wanted) {
  constexpr int kMostLooks = 16;
  for (int looks = 0; shard.bytes + wanted > most_bytes_; ++looks) {
    if (shard.used.empty() || looks == kMostLooks) return false;
    const uint64_t hash = shard.used.front();
    Log& log = shard.logs.find(hash)->second;
    log.drop_before(now >= log.period ? now - log.period + 1 : 0);
    if (log.size >= log.most) {
      shard.used.splice(shard.used.end(), shard.used, log.place);
      continue;
    }
    if (log.size > 0) evicted_.fetch_add(1, std::memory_order_relaxed);
    shard.bytes -= bytes_of(log);
    shard.used.erase(log.place);
    shard.logs.erase(hash);
  }
  return true;
}

void LogStore::refund(uint64_t hash, uint32_t cost) {
  Shard& shard = shards_[hash % kShards];
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.logs.find(hash);
  if (found != shard.logs.end()) found->second.size -= std::min<size_t>(cost, found->second.size);
}

size_t LogStore::bytes() const {
  size_t sum = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    sum += shard.bytes;
  }
  return sum;
}

}  // namespace weir::limit
