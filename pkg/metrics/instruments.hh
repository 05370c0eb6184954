// What is counted with: counters, gauges and histograms. All may be used from any thread at any time, and
// none of it blocks or allocates.
//
// Each worker adds to a cell of its own, and whoever reads sums the cells: with as many cells as workers,
// counting costs an uncontended relaxed add. A sum that is read while others count may lack their latest.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace weir::metrics {

// Which cell this thread adds to: its worker's number, modulo kCells. Threads that share a cell, as those do
// that never call it, count rightly but slower.
constexpr size_t kCells = 16;
void set_thread_cell(size_t number);

namespace detail {
inline constinit thread_local size_t this_threads_cell = 0;
}

inline size_t thread_cell() {
  return detail::this_threads_cell;
}

// Only goes up.
class Counter {
 public:
  void add(uint64_t n = 1) { cells_[thread_cell()].value.fetch_add(n, std::memory_order_relaxed); }
  uint64_t total() const;

 private:
  struct alignas(64) Cell {
    std::atomic<uint64_t> value = 0;
  };
  std::array<Cell, kCells> cells_;
};

// Goes up and down.
class Gauge {
 public:
  void add(int64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  void set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_ = 0;
};

// Durations in seconds, in buckets of 1, 2 and 5 times powers of ten from 100 us to 50 s. A bucket holds what
// is not above its bound. An observation costs two adds, to lines that only this worker writes.
class Histogram {
 public:
  static constexpr std::array<double, 18> kBounds{
      0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50};
  using Buckets = std::array<uint64_t, kBounds.size() + 1>;

  void observe(double seconds);  // what is below zero, or no number, counts as zero
  uint64_t count() const;
  double sum() const;  // of seconds, each rounded to a microsecond
  // The value below which this share (0 to 1) of observations lies, interpolated within its bucket: right to
  // within the bucket's width. 0 without any observation; 50 s where it lies beyond all bounds.
  double quantile(double share) const;
  Buckets buckets() const;  // not cumulative; the last is beyond all bounds

 private:
  // One block of lines a worker, rather than a Counter a bucket: 3 KiB instead of 20.
  struct alignas(64) Cell {
    std::array<std::atomic<uint64_t>, kBounds.size() + 1> buckets{};
    std::atomic<uint64_t> microseconds = 0;  // 64 bits last 58 years with 10,000 requests under way
  };
  std::array<Cell, kCells> cells_;
};

}  // namespace weir::metrics
