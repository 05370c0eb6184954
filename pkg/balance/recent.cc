#include "pkg/balance/recent.hh"

#include <algorithm>
#include <bit>
#include <cmath>

namespace weir::balance {

size_t Recent::bucket_of(Duration latency) {
  const auto nanoseconds = static_cast<uint64_t>(std::max<int64_t>(latency.count(), 0));
  const int power = std::bit_width(nanoseconds) - 1;
  if (power < kFirstPower) return 0;
  if (power >= kFirstPower + kPowers) return kBuckets - 1;
  const uint64_t eighth = (nanoseconds >> (power - 3)) & 7;
  return static_cast<size_t>(power - kFirstPower) * 8 + eighth;
}

double Recent::lower_bound(size_t bucket) {
  const double base = std::ldexp(1.0, kFirstPower + static_cast<int>(bucket / 8));
  return base * (1 + static_cast<double>(bucket % 8) / 8);
}

void Recent::Slot::clear() {
  requests.store(0, std::memory_order_relaxed);
  failures.store(0, std::memory_order_relaxed);
  nanoseconds.store(0, std::memory_order_relaxed);
  for (auto& bucket : buckets) bucket.store(0, std::memory_order_relaxed);
}

void Recent::record(bool ok, Duration latency) {
  Slot& slot = slots_[current_.load(std::memory_order_relaxed)];
  slot.requests.fetch_add(1, std::memory_order_relaxed);
  slot.buckets[bucket_of(latency)].fetch_add(1, std::memory_order_relaxed);
  slot.nanoseconds.fetch_add(static_cast<uint64_t>(std::max<int64_t>(latency.count(), 0)),
                             std::memory_order_relaxed);
  if (!ok) slot.failures.fetch_add(1, std::memory_order_relaxed);
}

void Recent::turn(MonotonicTime now, Duration window) {
  const Duration step = std::max(window / static_cast<int64_t>(kSlots - 1), Duration{1});
  if (turned_at_ == MonotonicTime{}) turned_at_ = now;  // what came before is as old as that
  if (now - turned_at_ < step) return;
  const auto steps = (now - turned_at_) / step;
  if (steps > static_cast<int64_t>(kSlots)) {
    turned_at_ = now;
  } else {
    turned_at_ += steps * step;
  }
  for (int64_t i = 0; i < std::min<int64_t>(steps, kSlots); ++i) {
    const size_t next = (current_.load(std::memory_order_relaxed) + 1) % kSlots;
    slots_[next].clear();
    current_.store(next, std::memory_order_relaxed);
  }
}

void Recent::clear() {
  for (Slot& slot : slots_) slot.clear();
}

uint64_t Recent::sum_buckets(Counts& counts) const {
  uint64_t total = 0;
  for (const Slot& slot : slots_) {
    for (size_t i = 0; i < kBuckets; ++i) {
      const uint64_t count = slot.buckets[i].load(std::memory_order_relaxed);
      counts[i] += count;
      total += count;
    }
  }
  return total;
}

Duration Recent::quantile_of(const Counts& counts, uint64_t total, double share) {
  if (total == 0) return Duration{0};
  const double rank = std::clamp(share, 0.0, 1.0) * static_cast<double>(total);
  double below = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    const auto count = static_cast<double>(counts[i]);
    if (count > 0 && below + count >= rank) {
      const double low = lower_bound(i);
      const double part = (rank - below) / count;
      return Duration{static_cast<int64_t>(low + part * (lower_bound(i + 1) - low))};
    }
    below += count;
  }
  return Duration{static_cast<int64_t>(lower_bound(kBuckets))};
}

Duration Recent::quantile(double share) const {
  Counts counts{};
  const uint64_t total = sum_buckets(counts);
  return quantile_of(counts, total, share);
}

Recent::Summary Recent::summary() const {
  Counts counts{};
  Summary out;
  out.requests = sum_buckets(counts);
  out.failures = std::min(failures(), out.requests);
  out.mean = mean().latency;
  out.p50 = quantile_of(counts, out.requests, 0.5);
  out.p90 = quantile_of(counts, out.requests, 0.9);
  out.p99 = quantile_of(counts, out.requests, 0.99);
  return out;
}

Recent::Mean Recent::mean() const {
  Mean out;
  uint64_t nanoseconds = 0;
  for (const Slot& slot : slots_) {
    out.requests += slot.requests.load(std::memory_order_relaxed);
    nanoseconds += slot.nanoseconds.load(std::memory_order_relaxed);
  }
  if (out.requests > 0) out.latency = Duration{static_cast<int64_t>(nanoseconds / out.requests)};
  return out;
}

uint64_t Recent::failures() const {
  uint64_t sum = 0;
  for (const Slot& slot : slots_) sum += slot.failures.load(std::memory_order_relaxed);
  return sum;
}

}  // namespace weir::balance
