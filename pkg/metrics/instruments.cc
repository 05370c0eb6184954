#include <algorithm>

#include "pkg/metrics/registry.hh"

namespace weir::metrics {
namespace {

thread_local size_t this_threads_cell = 0;

}  // namespace

void set_thread_cell(size_t number) {
  this_threads_cell = number % kCells;
}

size_t thread_cell() {
  return this_threads_cell;
}

uint64_t Counter::total() const {
  uint64_t sum = 0;
  for (const Cell& cell : cells_) sum += cell.value.load(std::memory_order_relaxed);
  return sum;
}

void Histogram::observe(double seconds) {
  const auto bucket = std::ranges::lower_bound(kBounds, seconds) - kBounds.begin();
  buckets_[static_cast<size_t>(bucket)].add();
  nanoseconds_.add(static_cast<uint64_t>(std::max(0.0, seconds) * 1e9));
}

std::array<uint64_t, Histogram::kBounds.size() + 1> Histogram::buckets() const {
  std::array<uint64_t, kBounds.size() + 1> counts{};
  std::ranges::transform(buckets_, counts.begin(), &Counter::total);
  return counts;
}

uint64_t Histogram::count() const {
  uint64_t sum = 0;
  for (const uint64_t bucket : buckets()) sum += bucket;
  return sum;
}

double Histogram::sum() const {
  return static_cast<double>(nanoseconds_.total()) / 1e9;
}

double Histogram::quantile(double share) const {
  const auto counts = buckets();
  const auto wanted = share * static_cast<double>(count());
  double below = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const auto here = static_cast<double>(counts[i]);
    if (here > 0 && below + here >= wanted) {
      const double low = i == 0 ? 0 : kBounds[i - 1];
      if (i == kBounds.size()) return low;
      return low + (kBounds[i] - low) * (wanted - below) / here;
    }
    below += here;
  }
  return 0;
}

}  // namespace weir::metrics
