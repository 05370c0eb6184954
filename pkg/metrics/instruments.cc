#include "pkg/metrics/instruments.hh"

#include <algorithm>
#include <cmath>

namespace weir::metrics {

void set_thread_cell(size_t number) {
  detail::this_threads_cell = number % kCells;
}

uint64_t Counter::total() const {
  uint64_t sum = 0;
  for (const Cell& cell : cells_) sum += cell.value.load(std::memory_order_relaxed);
  return sum;
}

void Histogram::observe(double seconds) {
  constexpr double kLongest = 1e9;  // so that the sum survives an infinite observation
  const double bounded = seconds > 0 ? std::min(seconds, kLongest) : 0;
  const auto bucket = static_cast<size_t>(std::ranges::lower_bound(kBounds, bounded) - kBounds.begin());
  Cell& cell = cells_[thread_cell()];
  cell.buckets[bucket].fetch_add(1, std::memory_order_relaxed);
  cell.microseconds.fetch_add(static_cast<uint64_t>(bounded * 1e6 + 0.5), std::memory_order_relaxed);
}

Histogram::Buckets Histogram::buckets() const {
  Buckets counts{};
  for (const Cell& cell : cells_) {
    for (size_t i = 0; i < counts.size(); ++i) counts[i] += cell.buckets[i].load(std::memory_order_relaxed);
  }
  return counts;
}

uint64_t Histogram::count() const {
  uint64_t sum = 0;
  for (const uint64_t bucket : buckets()) sum += bucket;
  return sum;
}

double Histogram::sum() const {
  uint64_t sum = 0;
  for (const Cell& cell : cells_) sum += cell.microseconds.load(std::memory_order_relaxed);
  return static_cast<double>(sum) / 1e6;
}

double Histogram::quantile(double share) const {
  const Buckets counts = buckets();
  uint64_t all = 0;  // of this same reading: others go on counting
  for (const uint64_t bucket : counts) all += bucket;
  const double wanted = std::clamp(share, 0.0, 1.0) * static_cast<double>(all);
  // What rounding may have added: 0.07 of 2000 is a little more than 140, yet not in the next bucket.
  const double least = wanted * (1 - 1e-12);
  double below = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const auto here = static_cast<double>(counts[i]);
    if (here > 0 && below + here >= least) {
      const double low = i == 0 ? 0 : kBounds[i - 1];
      if (i == kBounds.size()) return low;
      return std::lerp(low, kBounds[i], std::min((wanted - below) / here, 1.0));
    }
    below += here;
  }
  return 0;
}

}  // namespace weir::metrics
