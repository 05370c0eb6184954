#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <thread>

#include "pkg/metrics/registry.hh"

using namespace weir::metrics;

namespace {

constexpr const char* kName = "weir_x_things_total";

}  // namespace

TEST_CASE("an empty registry has no text") {
  CHECK(Registry().text().empty());
}

TEST_CASE("families are written by name, with help, type and all their label sets") {
  Registry registry;
  const auto get =
      registry.counter("weir_x_requests_total", "Requests.", {{"route", "a"}, {"method", "GET"}});
  const auto put =
      registry.counter("weir_x_requests_total", "Requests.", {{"route", "a"}, {"method", "PUT"}});
  const auto open = registry.gauge("weir_x_connections", "Open connections.");
  get->add(3);
  put->add(1'000'000);
  open->set(-4);
  CHECK(registry.text() ==
        "# HELP weir_x_connections Open connections.\n"
        "# TYPE weir_x_connections gauge\n"
        "weir_x_connections -4\n"
        "# HELP weir_x_requests_total Requests.\n"
        "# TYPE weir_x_requests_total counter\n"
        "weir_x_requests_total{route=\"a\",method=\"GET\"} 3\n"
        "weir_x_requests_total{route=\"a\",method=\"PUT\"} 1000000\n");
}

TEST_CASE("a histogram is written with cumulative buckets, sum and count") {
  Registry registry;
  const auto seconds = registry.histogram("weir_x_seconds", "Time.", {{"route", "a"}});
  seconds->observe(0.0001);
  seconds->observe(0.03);
  seconds->observe(70);
  CHECK(registry.text() ==
        "# HELP weir_x_seconds Time.\n"
        "# TYPE weir_x_seconds histogram\n"
        "weir_x_seconds_bucket{route=\"a\",le=\"0.0001\"} 1\n"
        "weir_x_seconds_bucket{route=\"a\",le=\"0.0002\"} 1\n"
        "weir_x_seconds_bucket{route=\"a\",le=\"0.0005\"} 1\n"
        "weir_x_seconds_bucket{route=\"a\",le=\"0.001\"} 1\n"
        "weir_x_seconds_bucket{route=\"a\",le=\"0.002\"} 1\n"
        "weir_x_seconds_bucket{route=\"a\",le=\"0.005\"} 1\n"
        "weir_x_seconds_bucket{route=\"a\",le=\"0.01\"} 1\n"
        "weir_x_seconds_bucket{route=\"a\",le=\"0.02\"} 1\n"
        "weir_x_seconds_bucket{route=\"a\",le=\"0.05\"} 2\n"
        "weir_x_seconds_bucket{route=\"a\",le=\"0.1\"} 2\n"
        "weir_x_seconds_bucket{route=\"a\",le=\"0.2\"} 2\n"
        "weir_x_seconds_bucket{route=\"a\",le=\"0.5\"} 2\n"
        "weir_x_seconds_bucket{route=\"a\",le=\"1\"} 2\n"
        "weir_x_seconds_bucket{route=\"a\",le=\"2\"} 2\n"
        "weir_x_seconds_bucket{route=\"a\",le=\"5\"} 2\n"
        "weir_x_seconds_bucket{route=\"a\",le=\"10\"} 2\n"
        "weir_x_seconds_bucket{route=\"a\",le=\"20\"} 2\n"
        "weir_x_seconds_bucket{route=\"a\",le=\"50\"} 2\n"
        "weir_x_seconds_bucket{route=\"a\",le=\"+Inf\"} 3\n"
        "weir_x_seconds_sum{route=\"a\"} 70.0301\n"
        "weir_x_seconds_count{route=\"a\"} 3\n");
}

TEST_CASE("a histogram without labels has the bound alone in its braces") {
  Registry registry;
  const auto seconds = registry.histogram("weir_x_seconds", "Time.");
  CHECK(registry.text().find("\nweir_x_seconds_bucket{le=\"+Inf\"} 0\nweir_x_seconds_sum 0\n") !=
        std::string::npos);
}

TEST_CASE("label values and help are escaped as the format asks") {
  Registry registry;
  const auto counter = registry.counter(kName, "A \"b\" \\ c\nd.", {{"path", "a\\b\"c\nd\xc3\xa9"}});
  CHECK(registry.text() ==
        "# HELP weir_x_things_total A \"b\" \\\\ c\\nd.\n"
        "# TYPE weir_x_things_total counter\n"
        "weir_x_things_total{path=\"a\\\\b\\\"c\\nd\xc3\xa9\"} 0\n");
}

TEST_CASE("numbers are written so that they can be read back exactly") {
  struct Row {
    double value;
    std::string text;
  };
  const auto row = GENERATE(values<Row>({{0, "0"},
                                         {-0.0, "0"},
                                         {1e15, "1000000000000000"},
                                         {-12, "-12"},
                                         {0.1, "0.1"},
                                         {1.0 / 3, "0.3333333333333333"},
                                         {1e300, "1e+300"},
                                         {-2.5e-9, "-2.5e-09"},
                                         {std::numeric_limits<double>::infinity(), "+Inf"},
                                         {-std::numeric_limits<double>::infinity(), "-Inf"},
                                         {std::nan(""), "NaN"}}));
  Registry registry;
  registry.gauge_callback("weir_x", "X.", {}, [&row] { return row.value; });
  CHECK(registry.text() == "# HELP weir_x X.\n# TYPE weir_x gauge\nweir_x " + row.text + "\n");
}

TEST_CASE("callbacks are asked at each scrape") {
  Registry registry;
  double value = 1;
  registry.counter_callback(kName, "Things.", {{"kind", "a"}}, [&value] { return value++; });
  CHECK(registry.text() ==
        "# HELP weir_x_things_total Things.\n"
        "# TYPE weir_x_things_total counter\n"
        "weir_x_things_total{kind=\"a\"} 1\n");
  CHECK(registry.text().ends_with("} 2\n"));
}

TEST_CASE("the same labels give the same instance, as after a reload") {
  Registry registry;
  const auto before = registry.counter(kName, "Things.", {{"kind", "a"}});
  before->add(7);
  const auto after = registry.counter(kName, "Other words.", {{"kind", "a"}});
  CHECK(after == before);
  CHECK(registry.counter(kName, "Things.", {{"kind", "b"}}) != before);
  CHECK(registry.text().starts_with("# HELP weir_x_things_total Things.\n"));
}

TEST_CASE("collect forgets what nobody holds, and keeps callbacks") {
  Registry registry;
  const auto counter = registry.counter(kName, "Things.", {{"kind", "held"}});
  const auto gauge = registry.gauge("weir_x_others", "Others.", {{"kind", "held"}});
  const auto histogram = registry.histogram("weir_x_seconds", "Time.", {{"kind", "held"}});
  registry.gauge_callback("weir_x_size", "Size.", {{"kind", "held"}}, [] { return 1; });
  const std::string text = registry.text();
  registry.counter(kName, "Things.", {{"kind", "dropped"}})->add();
  (void)registry.gauge("weir_x_others", "Others.", {{"kind", "dropped"}});
  (void)registry.histogram("weir_x_seconds", "Time.", {{"kind", "dropped"}});
  (void)registry.gauge("weir_x_all_dropped", "A family of which nothing is left.");
  CHECK(registry.text() != text);
  registry.collect();
  CHECK(registry.text() == text);
}

TEST_CASE("a retired instance is no longer written, its callback no longer asked") {
  Registry registry;
  int asked = 0;
  registry.gauge_callback("weir_x_size", "Size.", {{"of", "a"}}, [&asked] { return ++asked; });
  registry.retire("weir_x_size", {{"of", "b"}});
  registry.retire("weir_y_size", {{"of", "a"}});
  CHECK_FALSE(registry.text().empty());
  registry.retire("weir_x_size", {{"of", "a"}});
  CHECK(registry.text().empty());
  CHECK(asked == 1);
}

TEST_CASE("beyond the most label sets, all others share one instance") {
  Registry registry;
  std::vector<std::shared_ptr<Gauge>> gauges;
  for (size_t i = 0; i < Registry::kMostInstances; ++i)
    gauges.push_back(registry.gauge("weir_x", "X.", {{"i", std::to_string(i)}}));
  const auto beyond = registry.gauge("weir_x", "X.", {{"i", "one more"}});
  CHECK(registry.gauge("weir_x", "X.", {{"i", "and another"}}) == beyond);
  CHECK(registry.gauge("weir_x", "X.", {{"i", "77"}}) == gauges[77]);
  registry.gauge_callback("weir_x", "X.", {{"i", "a callback"}}, [] { return 9; });
  beyond->set(5);
  const std::string text = registry.text();
  CHECK(text.find("\nweir_x{other=\"true\"} 5\n") != std::string::npos);
  CHECK(std::ranges::count(text, '\n') == static_cast<int>(Registry::kMostInstances) + 3);
}

TEST_CASE("instances may be made, counted with, scraped and collected at the same time") {
  Registry registry;
  const auto lasting = registry.counter(kName, "Things.", {{"kind", "lasting"}});
  constexpr int kRounds = 300;
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < 3; ++i) {
      threads.emplace_back([&registry, &lasting, i] {
        set_thread_cell(i);
        for (int n = 0; n < kRounds; ++n) {
          registry.counter(kName, "Things.", {{"kind", std::to_string(n % 7)}})->add();
          lasting->add();
        }
      });
    }
    for (int n = 0; n < kRounds; ++n) {
      registry.collect();
      (void)registry.text();
    }
  }
  registry.collect();
  CHECK(registry.text().ends_with("{kind=\"lasting\"} 900\n"));
}
