// What the proxy has to show on its status page.

#include "cmd/weir-proxy/service.hh"

namespace weir::proxy {
namespace {

using Cell = daemon::StatusPage::Cell;
using Tone = daemon::StatusPage::Tone;
using Rows = std::vector<std::vector<Cell>>;

Cell breaker_cell(resilience::BreakerState state) {
  switch (state) {
    case resilience::BreakerState::closed:
      return Cell("closed", Tone::good);
    case resilience::BreakerState::half_open:
      return Cell("half-open", Tone::warning);
    case resilience::BreakerState::open:
      return Cell("open", Tone::bad);
  }
  return Cell("");
}

void add_routes(daemon::StatusPage& page, const Snapshot& snapshot) {
  Rows rows;
  for (size_t i = 0; i < snapshot.routes.size(); ++i) {
    const Route& route = snapshot.routes[i];
    const RouteSection& section = snapshot.config.routes[i];
    const auto& requests = route.metrics->requests;
    rows.push_back({Cell(route.name), Cell(section.hosts.empty() ? "any" : section.hosts.front()),
                    Cell(section.path), Cell(route.upstream->name), Cell::number(route.metrics->total()),
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

void add_upstreams(daemon::StatusPage& page, const std::vector<std::shared_ptr<Upstream>>& upstreams) {
  Rows rows;
  for (const auto& upstream : upstreams) {
    for (const auto& server : upstream->servers) {
      const bool is_first = server == upstream->servers.front();
      const auto of_upstream = [is_first](Cell cell) {
        if (is_first) return cell;
        Cell blank("");
        blank.is_number = true;
        return blank;
      };
      const bool unresolved = server->needs_resolving() && server->address_count() == 0;
      rows.push_back(
          {Cell(is_first ? upstream->name : ""), Cell(server->name()),
           unresolved ? Cell("unresolved", Tone::bad) : breaker_cell(server->breaker.state()),
           Cell::number(server->breaker.times_opened()),
           of_upstream(Cell::of_whole(upstream->state->bulkhead.inside(), upstream->settings.max_in_flight)),
           of_upstream(Cell::number(upstream->metrics.attempts->total())),
           of_upstream(Cell::number(upstream->metrics.failures->total())),
           of_upstream(Cell::seconds(upstream->metrics.first_byte_seconds->quantile(0.5)))});
    }
  }
  page.table("Upstreams",
             {"Upstream", "Server", "Breaker", "Opened", "In flight", "Attempts", "Failures", "First byte"},
             rows);
}

}  // namespace

void Service::add_status(daemon::StatusPage& page) {
  uint64_t requests = unrouted_.total();
  uint64_t limited = 0;
  for (const Route& route : snapshot_->routes) requests += route.metrics->total();
  for (const auto& rule : snapshot_->rules) limited += rule->metrics.rejected->total();
  page.figure("Requests", daemon::with_separators(requests),
              daemon::with_separators(unrouted_.total()) + " without a route");
  page.figure("Limited", daemon::with_separators(limited), "answered 429");
  const limit::Table::Stats stats = limits_->table.stats();
  page.figure("Limit keys", daemon::with_separators(stats.occupied),
              "of " + daemon::with_separators(limits_->table.capacity()));
  add_routes(page, *snapshot_);
  add_limits(page, *snapshot_);
  add_upstreams(page, upstreams_.upstreams());
}

}  // namespace weir::proxy
