// Upstreams with their servers on the status page.

#include <algorithm>
#include <cmath>

#include "pkg/gateway/status_tables.hh"

namespace weir::gateway {
namespace {

using Cell = daemon::StatusPage::Cell;
using Tone = daemon::StatusPage::Tone;
using Group = daemon::StatusPage::Group;

Tone tone_of(balance::State state) {
  switch (state) {
    case balance::State::up:
      return Tone::good;
    case balance::State::starting:
    case balance::State::draining:
      return Tone::info;
    case balance::State::disabled:
      return Tone::muted;
    case balance::State::down:
    case balance::State::ejected:
      return Tone::bad;
  }
  return Tone::plain;
}

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// A server that is up gets nothing while its breaker is open or its name has no address: that is then what
// there is to tell.
Cell state_cell(const balance::MemberStatus& status, const Server& server) {
  const bool is_up = status.state == balance::State::up || status.state == balance::State::starting;
  if (is_up && server.needs_resolving() && server.address_count() == 0)
    return Cell::state("unresolved", Tone::bad, "its name has no address yet");
  if (is_up && server.breaker.state() == resilience::BreakerState::open) {
    const Duration left = server.breaker.time_to_probe(MonotonicTime::clock::now());
    return Cell::state("breaker open", Tone::bad,
                       left > Duration{0}
                           ? "tried again in " + daemon::human_duration(std::ceil(seconds(left)))
                           : "the next request tries it");
  }
  if (is_up && server.breaker.state() == resilience::BreakerState::half_open)
    return Cell::state("half-open", Tone::warning, "being tried");
  return Cell::state(std::string(balance::to_string(status.state)), tone_of(status.state), status.why);
}

std::string words(std::string_view name) {
  std::string out(name);
  std::ranges::replace(out, '_', ' ');
  return out;
}

std::string detail_of(const Upstream& upstream) {
  const auto first_byte = Cell::seconds(upstream.metrics.first_byte_seconds->quantile(0.5));
  const uint64_t queued = upstream.state->bulkhead.queued();
  std::string text = words(balance::to_string(upstream.settings.algorithm)) + " \u00b7 " +
                     daemon::with_separators(upstream.state->bulkhead.inside()) + " of " +
                     daemon::with_separators(upstream.settings.max_in_flight) + " in flight";
  if (queued > 0) text += ", " + daemon::with_separators(queued) + " wait";
  text += " \u00b7 " + daemon::with_separators(upstream.metrics.attempts->total()) + " attempts, " +
          daemon::with_separators(upstream.metrics.failures->total()) + " failed";
  if (upstream.metrics.first_byte_seconds->count() > 0) text += " \u00b7 first byte " + first_byte.text;
  return text;
}

bool has_name(const std::shared_ptr<Server>& server) {
  return server->address().to_string() != server->name();
}

Group make_group(const Upstream& upstream, const ServerRates& rates, bool with_addresses) {
  Group group{.name = upstream.name, .detail = detail_of(upstream)};
  size_t up = 0;
  size_t bad = 0;
  const auto members = upstream.state->pool.status();
  for (const balance::MemberStatus& status : members) {
    const balance::Member& member = *status.member;
    const Server& server = *member.companion<Server>();
    const Cell state = state_cell(status, server);
    up += state.text == balance::to_string(balance::State::up) ||
          state.text == balance::to_string(balance::State::starting);
    bad += state.tone == Tone::bad || state.tone == Tone::warning;
    const daemon::RateHistory* rate = rates.find(upstream.name, member.name());
    auto& row = group.rows.emplace_back();
    row = {Cell(member.name()),
           state,
           Cell::number(status.weight),
           Cell::part(status.share),
           rate ? Cell::rate(rate->rate(), rate->points()) : Cell::rate(0),
           Cell::number(member.in_flight()),
           Cell::number(member.failures()),
           Cell::seconds(seconds(status.recent.p50)),
           Cell::seconds(seconds(status.recent.p99))};
    const std::string address = server.address().to_string();
    if (with_addresses) row.emplace_back(address == member.name() ? "" : address);
  }
  group.state = std::to_string(up) + " of " + std::to_string(members.size()) + " up";
  group.tone = up == 0 ? Tone::bad : bad > 0 ? Tone::warning : Tone::good;
  if (upstream.state->pool.is_panic()) {
    group.state += ", panic: all are asked";
    group.tone = Tone::bad;
  }
  return group;
}

}  // namespace

void add_upstreams(daemon::StatusPage& page, const Snapshot& snapshot, const ServerRates& rates) {
  // Addresses are told where servers have names beside them.
  const bool with_addresses = std::ranges::any_of(snapshot.upstreams, [](const auto& upstream) {
    return std::ranges::any_of(upstream->state->servers(), has_name);
  });
  daemon::StatusPage::Columns columns{"Server",    "State",    "Weight", "Share", "Requests",
                                      "In flight", "Failures", "Median", "99%"};
  if (with_addresses) columns.emplace_back("Address");
  std::vector<Group> groups;
  for (const auto& upstream : snapshot.upstreams)
    groups.push_back(make_group(*upstream, rates, with_addresses));
  if (!groups.empty()) page.groups("Upstreams", columns, groups);
}

}  // namespace weir::gateway
