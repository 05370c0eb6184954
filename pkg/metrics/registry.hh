// The metrics of a process. Instances are made when labels become known (at start, or when a config names a
// new route) and counted with from any worker; text() writes them in Prometheus' exposition format 0.0.4.
//
// A family has at most kMostInstances label sets, so that nothing a client sends can make it grow; labels
// therefore come from the config, never from a request.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace weir::metrics {

// Which cell this thread adds to: its worker's number, modulo kCells. Threads that share a cell, as those do
// that never call it, count rightly but slower.
constexpr size_t kCells = 16;
void set_thread_cell(size_t number);
size_t thread_cell();

// Only goes up. add() is a relaxed add to a cache line that no other worker writes.
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

// Durations in seconds, in buckets of 1, 2 and 5 times powers of ten from 100 us to 50 s.
class Histogram {
 public:
  static constexpr std::array<double, 18> kBounds{
      0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50};
  void observe(double seconds);
  uint64_t count() const;
  double sum() const;  // of seconds
  // The value below which this share of observations lies, interpolated within its bucket; 0 without any.
  double quantile(double share) const;
  std::array<uint64_t, kBounds.size() + 1> buckets() const;  // not cumulative; the last is beyond all bounds

 private:
  std::array<Counter, kBounds.size() + 1> buckets_;
  Counter nanoseconds_;
};

// Names and values, in the order given.
using Labels = std::vector<std::pair<std::string, std::string>>;

class Registry {
 public:
  static constexpr size_t kMostInstances = 10'000;

  // The instance with these labels, made if need be; the same one for the same labels. `help` counts at the
  // first call for a name. Beyond kMostInstances all further labels share one instance: other="true".
  std::shared_ptr<Counter> counter(std::string_view name, std::string_view help, const Labels& labels = {});
  std::shared_ptr<Gauge> gauge(std::string_view name, std::string_view help, const Labels& labels = {});
  std::shared_ptr<Histogram> histogram(std::string_view name, std::string_view help,
                                       const Labels& labels = {});

  // A gauge or counter whose value is asked for at each scrape, on the scraping thread.
  void gauge_callback(std::string_view name, std::string_view help, const Labels& labels,
                      std::function<double()> value);
  void counter_callback(std::string_view name, std::string_view help, const Labels& labels,
                        std::function<double()> value);
  // Forgets instances that nobody holds any more (a route that a reload took away).
  void collect();

  std::string text() const;

 private:
  enum class Type : uint8_t { counter, gauge, histogram };
  struct Instance {
    std::shared_ptr<Counter> counter;
    std::shared_ptr<Gauge> gauge;
    std::shared_ptr<Histogram> histogram;
    std::function<double()> callback;
  };
  struct Family {
    Type type;
    std::string help;
    std::map<std::string, Instance> instances;  // by labels as text: `a="1",b="2"`
  };

  Instance& instance(std::string_view name, std::string_view help, Type type, const Labels& labels);
  static void append_family(std::string& out, const std::string& name, const Family& family);

  mutable std::mutex mutex_;
  std::map<std::string, Family, std::less<>> families_;
};

}  // namespace weir::metrics
