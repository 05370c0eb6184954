#include "pkg/gateway/supervision.hh"

#include <algorithm>

#include "pkg/aio/file_watch.hh"
#include "pkg/daemon/log.hh"
#include "pkg/discovery/server_list.hh"
#include "pkg/dns/watch.hh"
#include "pkg/gateway/dial.hh"

namespace weir::gateway {

using namespace std::chrono_literals;

namespace {

constexpr size_t kMostChecksAtATime = 256;
constexpr Duration kTurn = 250ms;  // between two evaluations
constexpr char kSeparator = '\n';  // between an upstream's name and a server's, in a probe's

dns::Question question_of(std::string_view source) {
  if (source.starts_with("srv:")) return {dns::Question::Kind::services, std::string(source.substr(4)), 0};
  const auto address = Address::parse_connect(source.substr(4));  // dns:NAME:PORT; the config has checked it
  return {dns::Question::Kind::addresses, address->text, address->port};
}

// Of services, those of the best priority; a weight of 0 is "hardly any" (RFC 2782).
std::vector<discovery::ListedServer> entries_of(const dns::Endpoints& endpoints) {
  std::vector<discovery::ListedServer> entries;
  for (const dns::Endpoint& endpoint : endpoints) {
    if (endpoint.priority != endpoints.front().priority) continue;
    entries.push_back(
        {endpoint.address, std::max<uint32_t>(endpoint.weight, 1), endpoint.address.to_string()});
  }
  return entries;
}

void set_source(const Upstream& upstream, const std::string& source,
                std::vector<discovery::ListedServer> entries) {
  const size_t count = entries.size();
  if (auto set = upstream.state->set_source(source, std::move(entries)); !set) {
    log::error("servers not taken",
               {{"upstream", upstream.name}, {"source", source}, {"reason", set.error().message}});
    return;
  }
  log::info("servers found",
            {{"upstream", upstream.name}, {"source", source}, {"count", std::to_string(count)}});
}

bool is_bad(std::string_view state) {
  return state == "down" || state == "ejected" || state == "panic";
}

}  // namespace

Supervision::Supervision(daemon::Frame& frame)
    : frame_(frame),
      resolver_(frame.loop),
      discovery_(frame.loop),
      checker_(frame.loop, kMostChecksAtATime,
               [this](const std::string& probe, const health::Verdict& verdict) {
                 take_verdict(probe, verdict);
               }) {}

void Supervision::adopt(std::shared_ptr<const Snapshot> snapshot) {
  snapshot_ = std::move(snapshot);
  start_discovery();
  set_probes();
}

aio::Task<> Supervision::run() {
  for (const auto& upstream : snapshot_->upstreams) (void)upstream->state->pool.take_changes();
  for (;;) {
    evaluate(MonotonicTime::clock::now());
    set_probes();
    const auto slept = co_await aio::sleep_until(frame_.loop.in(kTurn));
    if (!slept) break;
  }
  co_await discovery_.close();
  co_await checker_.close();
}

void Supervision::start_discovery() {
  discovery_.cancel();  // what the config before this one wanted
  for (const auto& upstream : snapshot_->upstreams) {
    std::vector<std::string> sources = upstream->settings.discover;
    sources.push_back(UpstreamState::kConfigSource);
    upstream->state->keep_sources(sources);
    for (const std::string& source : upstream->settings.discover) discover(upstream, source);
  }
}

void Supervision::discover(const std::shared_ptr<Upstream>& upstream, const std::string& source) {
  if (source.starts_with("file:")) {
    read_file(*upstream, source);
    discovery_.spawn(watch_file(upstream, source));
    return;
  }
  const dns::WatchCalls calls{
      .on_change = [upstream, source](
                       const dns::Endpoints& found) { set_source(*upstream, source, entries_of(found)); },
      .on_failure =
          [upstream, source](const Error& error) {
            log::warn("servers not found; those that are known stay",
                      {{"upstream", upstream->name}, {"source", source}, {"reason", error.message}});
          }};
  discovery_.spawn(dns::watch(resolver_, question_of(source), {}, calls));
}

aio::Task<> Supervision::watch_file(std::shared_ptr<Upstream> upstream, std::string source) {
  aio::FileWatch file(frame_.loop, source.substr(5));
  for (;;) {
    const auto changed = co_await file.next_change(aio::Deadline::never());
    if (!changed) co_return;
    read_file(*upstream, source);
  }
}

void Supervision::read_file(const Upstream& upstream, const std::string& source) {
  const std::string path = source.substr(5);
  const auto list = discovery::read_server_list(path);
  if (!list) {
    for (const discovery::LineError& error : list.error())
      log::error("a list of servers has an error; the one before stays in force",
                 {{"upstream", upstream.name}, {"reason", discovery::render(path, error)}});
    return;
  }
  set_source(upstream, source, *list);
}

// Probes that are as they were go on undisturbed.
void Supervision::set_probes() {
  std::vector<health::Probe> probes;
  for (const auto& upstream : snapshot_->upstreams) {
    if (upstream->settings.check.kind == health::CheckKind::none) continue;
    const std::shared_ptr<const health::CheckSettings> settings(upstream, &upstream->settings.check);
    for (const auto& server : upstream->state->servers()) {
      const auto address = server->first_address();
      if (!address) continue;
      probes.push_back(
          {upstream->name + kSeparator + server->name(), *address, settings, opening_of(*upstream, *server)});
    }
  }
  checker_.set(probes);
}

void Supervision::take_verdict(const std::string& probe, const health::Verdict& verdict) {
  const size_t separator = probe.find(kSeparator);
  const std::string_view name = std::string_view(probe).substr(0, separator);
  for (const auto& upstream : snapshot_->upstreams) {
    if (upstream->name != name) continue;
    upstream->state->pool.report_check(std::string_view(probe).substr(separator + 1), verdict.healthy,
                                       verdict.reason, MonotonicTime::clock::now());
    tell_changes(*upstream);
  }
}

void Supervision::evaluate(MonotonicTime now) {
  for (const auto& upstream : snapshot_->upstreams) {
    upstream->state->pool.evaluate(now);
    upstream->state->update_capacity(upstream->settings);
    tell_changes(*upstream);
  }
  for (const auto& [name, split] : snapshot_->splits) judge_canary(*split, now);
}

void Supervision::tell_changes(const Upstream& upstream) {
  for (const balance::Change& change : upstream.state->pool.take_changes()) {
    frame_.events.publish("server", {{"upstream", upstream.name},
                                     {"server", change.member},
                                     {"from", change.from},
                                     {"to", change.to},
                                     {"reason", change.reason}});
    if (change.from == "new" && change.to == "up") continue;
    const char* const what = change.member.empty() ? "pool changed" : "server changed";
    log::write(is_bad(change.to) ? log::Level::warn : log::Level::info, what,
               {{"upstream", upstream.name},
                {"server", change.member},
                {"from", change.from},
                {"to", change.to},
                {"reason", change.reason}});
  }
}

void Supervision::judge_canary(const Split& split, MonotonicTime now) {
  if (split.settings.canary.empty()) return;
  SplitState& state = *split.state;
  const balance::Verdict verdict = state.watch.evaluate(now);
  state.verdict = verdict.reason;
  if (!verdict.roll_back) return;
  std::map<std::string, uint64_t> weights;
  bool has_traffic = false;
  for (const balance::SplitPart& part : state.weights.current().get()->parts()) {
    has_traffic = has_traffic || (part.pool == split.settings.canary && part.weight > 0);
    weights[part.pool] = part.pool == split.settings.canary ? 0 : part.weight;
  }
  auto without = make_weights(weights);
  if (!has_traffic || !without) return;  // it has none already, or all of it: nobody could take over
  state.weights.set(std::move(*without));
  state.watch.clear();
  state.rolled_back = true;
  log::warn("canary rolled back",
            {{"split", split.name}, {"canary", split.settings.canary}, {"reason", verdict.reason}});
  frame_.events.publish("split", {{"split", split.name},
                                  {"change", "canary rolled back"},
                                  {"canary", split.settings.canary},
                                  {"reason", verdict.reason}});
}

}  // namespace weir::gateway
