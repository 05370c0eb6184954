#include "pkg/gateway/service.hh"

#include "pkg/aio/connect.hh"
#include "pkg/daemon/log.hh"
#include "pkg/gateway/handover.hh"
#include "pkg/gateway/saved_state.hh"

namespace weir::gateway {

using namespace std::chrono_literals;

namespace {

// Names of what another process takes over.
constexpr const char* kLimits = "limits";
constexpr const char* kBreakers = "breakers";
constexpr const char* kGateway = "gateway";

}  // namespace

Result<std::unique_ptr<daemon::Service>> Service::make(daemon::Frame& frame, const Config& config) {
  std::unique_ptr<Service> service(new Service(frame, config));
  if (auto adopted = service->adopt(config); !adopted) return std::unexpected(std::move(adopted.error()));
  service->register_metrics();
  frame.tasks.spawn(service->resolve_names());
  frame.tasks.spawn(service->sample_rates());
  frame.tasks.spawn(service->supervision_.run());
  return service;
}

Service::Service(daemon::Frame& frame, const Config& config)
    : frame_(frame),
      limits_(std::make_unique<LimitState>(config.limits.table_size, config.limits.log_size)),
      upstreams_(frame.metrics),
      splits_(frame.metrics),
      supervision_(frame),
      unrouted_(*make_route_metrics(frame.metrics, "none")),
      upstream_api_(snapshot_, frame.events, [this] { names_changed_.set(); }),
      split_api_(snapshot_, frame.events) {}

Result<std::shared_ptr<daemon::EventSink>> Service::open_events(const daemon::EventTarget& target) {
  if (events_ && events_->target() == target) return events_;
  if (target.kind == daemon::EventTarget::Kind::off) return nullptr;
  auto opened = daemon::EventSink::open(target);
  if (!opened) return std::unexpected(std::move(opened.error()).context("access_log.to"));
  return std::shared_ptr<daemon::EventSink>(std::move(*opened));
}

Result<> Service::adopt(const Config& config) {
  auto events = open_events(config.access_log.to);
  if (!events) return std::unexpected(std::move(events.error()));
  auto snapshot = make_snapshot(config, {upstreams_, splits_, listeners_, *limits_, frame_.metrics});
  if (!snapshot) return std::unexpected(std::move(snapshot.error()));
  events_ = std::move(*events);
  snapshot_ = std::move(*snapshot);
  snapshot_->apply();
  supervision_.adopt(snapshot_);
  return {};
}

Result<> Service::reload(const Config& config) {
  if (auto adopted = adopt(config); !adopted) return adopted;
  names_changed_.set();
  const std::lock_guard lock(mutex_);
  for (const Seat& seat : seats_) {
    seat.frame->loop().post(
        [worker = seat.worker, snapshot = snapshot_, events = events_] { worker->adopt(snapshot, events); });
  }
  return {};
}

std::unique_ptr<daemon::WorkerService> Service::start_worker(daemon::Worker& frame) {
  const std::lock_guard lock(mutex_);
  auto worker = std::make_unique<Worker>(frame, snapshot_, events_, unrouted_, frame_.events);
  seats_.push_back({&frame, worker.get()});
  return worker;
}

std::vector<daemon::StateBlob> Service::export_state() {
  std::vector<daemon::StateBlob> blobs;
  blobs.push_back({kLimits, limits_->save()});
  blobs.push_back({kBreakers, save_breakers(upstreams_.upstreams())});
  blobs.push_back({kGateway, save_state(*snapshot_, listeners_)});
  return blobs;
}

void Service::import_state(std::vector<daemon::StateBlob> blobs) {
  for (const daemon::StateBlob& blob : blobs) {
    Result<> imported;
    if (blob.name == kLimits) imported = import_limits(blob.bytes);
    if (blob.name == kGateway) imported = import_gateway(blob.bytes);
    if (blob.name == kBreakers) imported = restore_breakers(blob.bytes, upstreams_.upstreams());
    if (!imported) log::warn("begins without", {{"state", blob.name}, {"reason", imported.error().message}});
  }
}

// The rules are made anew on the memory that came: they are bound to its hash key and to its names.
Result<> Service::import_limits(std::string_view saved) {
  const Config config = snapshot_->config;
  auto restored = LimitState::restore(saved, config.limits.table_size, config.limits.log_size);
  if (!restored) return std::unexpected(std::move(restored.error()));
  std::swap(limits_, *restored);
  auto adopted = adopt(config);
  if (!adopted) std::swap(limits_, *restored);  // the rules that are still in force are bound to it
  return adopted;
}

// Sticky cookies are signed with the secrets that came.
Result<> Service::import_gateway(std::string_view saved) {
  auto restored = restore_state(saved, *snapshot_, listeners_);
  upstreams_.forget();
  const Config config = snapshot_->config;
  auto adopted = adopt(config);
  return restored ? adopted : restored;
}

void Service::reopen_files() {
  if (events_) events_->reopen();
}

void Service::flush() {
  seats_.clear();
  events_.reset();  // writes what is queued
}

void Service::register_metrics() {
  metrics::Registry& registry = frame_.metrics;
  const auto entries = [this](const char* kind, uint64_t (*read)(const limit::Table::Stats&)) {
    frame_.metrics.counter_callback(
        "weir_limit_table_entries_total", "What became of entries of the table of limits.", {{"event", kind}},
        [this, read] { return static_cast<double>(read(limits_->table.stats())); });
  };
  entries("first_use", [](const limit::Table::Stats& stats) { return stats.occupied; });
  entries("expired", [](const limit::Table::Stats& stats) { return stats.expired; });
  entries("evicted", [](const limit::Table::Stats& stats) { return stats.evicted; });
  entries("unrecorded", [](const limit::Table::Stats& stats) { return stats.unrecorded; });
  registry.gauge_callback("weir_limit_table_capacity", "Keys that the table of limits holds.", {},
                          [this] { return static_cast<double>(limits_->table.capacity()); });
  registry.gauge_callback("weir_limit_log_bytes", "Memory in use by sliding_window rules.", {},
                          [this] { return static_cast<double>(limits_->logs.bytes()); });
  registry.counter_callback("weir_access_events_dropped_total",
                            "Access events that the target did not take in time.", {},
                            [this] { return events_ ? static_cast<double>(events_->dropped_lines()) : 0.0; });
}

uint64_t Service::total_requests() const {
  uint64_t requests = unrouted_.total();
  for (const Route& route : snapshot_->routes) requests += route.metrics->total();
  return requests;
}

aio::Task<> Service::sample_rates() {
  for (;;) {
    request_rate_.sample(total_requests(), MonotonicTime::clock::now());
    server_rates_.sample(snapshot_->upstreams, MonotonicTime::clock::now());
    const auto slept = co_await aio::sleep_until(frame_.loop.in(daemon::RateHistory::kInterval));
    if (!slept) co_return;
  }
}

// Names among the servers: at once, then at their interval; those that don't resolve are tried again soon.
aio::Task<> Service::resolve_names() {
  for (;;) {
    Duration next = 1h;
    names_changed_.reset();
    for (const auto& upstream : upstreams_.upstreams()) {
      const auto servers = upstream->state->servers();
      const bool has_names =
          std::ranges::any_of(servers, [](const auto& server) { return server->needs_resolving(); });
      if (!has_names) continue;
      co_await resolve(upstream);
      const bool all_known = std::ranges::all_of(servers, [](const auto& server) {
        return !server->needs_resolving() || server->address_count() > 0;
      });
      next = std::min<Duration>(next, all_known ? upstream->settings.resolve_interval : 1s);
    }
    const auto waited = co_await names_changed_.wait(frame_.loop.in(next));
    if (!waited && waited.error().code == Errc::cancelled) co_return;
  }
}

aio::Task<> Service::resolve(std::shared_ptr<Upstream> upstream) {
  for (const auto& server : upstream->state->servers()) {
    if (!server->needs_resolving()) continue;
    auto found = co_await aio::resolve(frame_.loop, server->address().text, server->address().port,
                                       frame_.loop.in(10s));
    if (found && !found->empty()) {
      server->set_addresses(std::move(*found));
    } else if (!found && found.error().code == Errc::cancelled) {
      co_return;
    } else if (server->address_count() == 0) {
      log::warn("a server's name does not resolve yet",
                {{"upstream", upstream->name}, {"server", server->name()}});
    }
  }
}

}  // namespace weir::gateway
