// The metrics of a process. Instances are made when labels become known (at start, or when a config names a
// new route), kept by who counts with them, and counted with from any worker without asking here again;
// text() writes them in Prometheus' exposition format 0.0.4. Thread-safe; its lock is never taken to count.
//
// Labels come from the config, never from a request; beyond that, a family has at most kMostInstances label
// sets, whatever happens. Names and units as Prometheus wants them: weir_requests_total for a counter,
// base units in the name of what has a unit (_seconds, _bytes). A name belongs to one kind of instrument.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pkg/metrics/instruments.hh"

namespace weir::metrics {

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

  // A gauge or counter whose value is asked for at each scrape, on the scraping thread and under the
  // registry's lock, so `value` must not use the registry. Beyond kMostInstances it is not kept.
  void gauge_callback(std::string_view name, std::string_view help, const Labels& labels,
                      std::function<double()> value);
  void counter_callback(std::string_view name, std::string_view help, const Labels& labels,
                        std::function<double()> value);

  // Forgets instances that nobody holds any more (a route that a reload took away), but for callbacks.
  void collect();
  // Forgets one instance at once. After it returns, its callback is not and will not be running.
  void retire(std::string_view name, const Labels& labels);

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

  Family& family(std::string_view name, std::string_view help, Type type);
  Instance& instance(std::string_view name, std::string_view help, Type type, const Labels& labels);
  void callback(std::string_view name, std::string_view help, Type type, const Labels& labels,
                std::function<double()> value);
  static void append_family(std::string& out, const std::string& name, const Family& family);

  mutable std::mutex mutex_;
  std::map<std::string, Family, std::less<>> families_;
};

}  // namespace weir::metrics
