// Where traffic comes in and how it is split, on the status page.

#include "pkg/gateway/status_tables.hh"

namespace weir::gateway {
namespace {

using Cell = daemon::StatusPage::Cell;
using Tone = daemon::StatusPage::Tone;
using Group = daemon::StatusPage::Group;

std::string_view words(ListenerMode mode) {
  switch (mode) {
    case ListenerMode::http:
      return "HTTP";
    case ListenerMode::tcp:
      return "TCP";
    case ListenerMode::sni:
      return "TLS by name";
    case ListenerMode::udp:
      return "UDP";
  }
  return "";
}

std::string joined(const std::vector<Address>& addresses) {
  std::string text;
  for (const Address& address : addresses) text += (text.empty() ? "" : ", ") + address.to_string();
  return text;
}

std::vector<Cell> listener_row(const std::string& name, const std::vector<Address>& addresses,
                               const Listener& listener) {
  const ListenerMetrics& metrics = *listener.metrics;
  const uint64_t refused = metrics.denied->total() + metrics.rate->total() + metrics.full->total();
  const bool has_tls = listener.tls != nullptr;
  return {Cell(name),
          Cell(joined(addresses)),
          Cell(std::string(words(listener.settings.mode))),
          has_tls ? Cell("on", Tone::good) : Cell("off", Tone::muted),
          Cell::number(listener.state->connections.load(std::memory_order_relaxed)),
          Cell::number(metrics.connections->total()),
          Cell::number(refused)};
}

Group make_group(const Split& split) {
  Group group{.name = split.name, .detail = split.state->verdict};
  if (split.state->rolled_back) {
    group.state = "rolled back";
    group.tone = Tone::bad;
  } else if (!split.settings.canary.empty()) {
    group.state = "canary watched";
    group.tone = Tone::good;
  }
  const auto weights = split.state->weights.current().get();
  for (size_t i = 0; i < weights->parts().size(); ++i) {
    const balance::SplitPart& part = weights->parts()[i];
    uint64_t attempts = 0;
    if (const auto upstream = split.upstreams.find(part.pool); upstream != split.upstreams.end())
      attempts = upstream->second->metrics.attempts->total();
    const bool is_canary = part.pool == split.settings.canary;
    group.rows.push_back({Cell(part.pool), is_canary ? Cell("canary", Tone::info) : Cell(""),
                          Cell::part(weights->share(i)), Cell::number(part.weight), Cell::number(attempts)});
  }
  return group;
}

}  // namespace

void add_splits(daemon::StatusPage& page, const Snapshot& snapshot) {
  std::vector<Group> groups;
  for (const auto& [name, split] : snapshot.splits) groups.push_back(make_group(*split));
  if (!groups.empty()) page.groups("Splits", {"Upstream", "", "Share", "Weight", "Attempts"}, groups);
}

void add_listeners(daemon::StatusPage& page, const Snapshot& snapshot) {
  daemon::StatusPage::Rows rows;
  const auto& addresses = snapshot.config.server.listen;
  if (!addresses.empty()) rows.push_back(listener_row("server", addresses, snapshot.main));
  for (const auto& [name, listener] : snapshot.listeners)
    rows.push_back(listener_row(name, listener.settings.listen, listener));
  page.table("Listeners", {"Listener", "Address", "Mode", "TLS", "Open", "Connections", "Refused"}, rows);
}

}  // namespace weir::gateway
