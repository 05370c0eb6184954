// What the gateway has to show on its status page.

#include "pkg/gateway/service.hh"
#include "pkg/gateway/status_tables.hh"

namespace weir::gateway {
namespace {

using Cell = daemon::StatusPage::Cell;
using Tone = daemon::StatusPage::Tone;
using Rows = daemon::StatusPage::Rows;

void add_routes(daemon::StatusPage& page, const Snapshot& snapshot) {
  Rows rows;
  for (size_t i = 0; i < snapshot.routes.size(); ++i) {
    const Route& route = snapshot.routes[i];
    const RouteSection& section = snapshot.config.routes[i];
    const auto& requests = route.metrics->requests;
    rows.push_back({Cell(route.name), Cell(section.hosts.empty() ? "any" : section.hosts.front()),
                    Cell(section.path), Cell(section.upstream), Cell::number(route.metrics->total()),
                    Cell::number(requests[3]->total()), Cell::number(requests[4]->total()),
                    Cell::seconds(route.metrics->seconds->quantile(0.5)),
                    Cell::seconds(route.metrics->seconds->quantile(0.99))});
  }
  page.table("Routes", {"Route", "Host", "Path", "Upstream", "Requests", "4xx", "5xx", "Median", "99%"},
             rows);
}

void add_limits(daemon::StatusPage& page, const Snapshot& snapshot) {
  Rows rows;
  for (size_t i = 0; i < snapshot.rules.size(); ++i) {
    const LimitSection& section = snapshot.config.limit_rules[i];
    const RuleMetrics& metrics = snapshot.rules[i]->metrics;
    std::string key;
    for (const std::string& part : section.key) key += (key.empty() ? "" : " + ") + part;
    const bool dry = section.action == LimitAction::dry_run;
    rows.push_back({Cell(section.name), Cell(section.rate.to_string()),
                    Cell(std::string(to_string(section.algorithm))), Cell(key),
                    dry ? Cell("dry run", Tone::warning) : Cell("in force", Tone::good),
                    Cell::number(metrics.passed->total() + metrics.delayed->total()),
                    Cell::number(metrics.delayed->total()),
                    Cell::number(metrics.rejected->total() + metrics.dry_run->total())});
  }
  if (!rows.empty())
    page.table("Limits", {"Rule", "Rate", "Algorithm", "Key", "", "Passed", "Delayed", "Over"}, rows);
}

}  // namespace

void Service::add_status(daemon::StatusPage& page) {
  uint64_t limited = 0;
  for (const auto& rule : snapshot_->rules) limited += rule->metrics.rejected->total();
  page.figure("Requests", daemon::human_rate(request_rate_.rate()),
              daemon::with_separators(total_requests()) + " in all, " +
                  daemon::with_separators(unrouted_.total()) + " without a route",
              request_rate_.points());
  page.figure("Limited", daemon::with_separators(limited), "answered 429");
  const limit::Table::Stats stats = limits_->table.stats();
  page.figure("Limit keys", daemon::with_separators(stats.occupied),
              "of " + daemon::with_separators(limits_->table.capacity()));
  add_upstreams(page, *snapshot_, server_rates_);
  add_splits(page, *snapshot_);
  add_routes(page, *snapshot_);
  add_limits(page, *snapshot_);
  add_listeners(page, *snapshot_);
}

}  // namespace weir::gateway
