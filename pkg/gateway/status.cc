// What the proxy has to show on its status page.

#include "pkg/gateway/service.hh"

namespace weir::gateway {
namespace {

using Cell = daemon::StatusPage::Cell;
using Tone = daemon::StatusPage::Tone;
using Rows = daemon::StatusPage::Rows;

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

std::string bulkhead_words(const Upstream& upstream) {
  const auto seconds = Cell::seconds(upstream.metrics.first_byte_seconds->quantile(0.5));
  return daemon::with_separators(upstream.state->bulkhead.inside()) + " of " +
         daemon::with_separators(upstream.settings.max_in_flight) + " in flight \u00b7 " +
         daemon::with_separators(upstream.metrics.attempts->total()) + " attempts, " +
         daemon::with_separators(upstream.metrics.failures->total()) + " failed \u00b7 first byte " +
         seconds.text;
}

void add_upstreams(daemon::StatusPage& page, const std::vector<std::shared_ptr<Upstream>>& upstreams) {
  std::vector<daemon::StatusPage::Group> groups;
  for (const auto& upstream : upstreams) {
    daemon::StatusPage::Group group{.name = upstream->name, .detail = bulkhead_words(*upstream)};
    size_t well = 0;
    for (const auto& server : upstream->state->servers()) {
      const bool unresolved = server->needs_resolving() && server->address_count() == 0;
      const auto state = server->breaker.state();
      if (!unresolved && state == resilience::BreakerState::closed) ++well;
      group.rows.push_back({Cell(server->name()),
                            unresolved ? Cell("unresolved", Tone::bad) : breaker_cell(state),
                            Cell::number(server->breaker.times_opened())});
    }
    group.state = std::to_string(well) + " of " + std::to_string(group.rows.size()) + " closed";
    group.tone = well == group.rows.size() ? Tone::good : well > 0 ? Tone::warning : Tone::bad;
    groups.push_back(std::move(group));
  }
  if (!groups.empty()) page.groups("Upstreams", {"Server", "Breaker", "Opened"}, groups);
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
  add_routes(page, *snapshot_);
  add_limits(page, *snapshot_);
  add_upstreams(page, upstreams_.upstreams());
}

}  // namespace weir::gateway
