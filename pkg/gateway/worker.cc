#include "pkg/gateway/worker.hh"

#include "pkg/aio/scope.hh"

namespace weir::gateway {

using namespace std::chrono_literals;

Worker::Worker(daemon::Worker& frame, std::shared_ptr<const Snapshot> snapshot,
               std::shared_ptr<daemon::EventSink> events, RouteMetrics unrouted, daemon::EventHub& changes)
    : frame_(frame), unrouted_(std::move(unrouted)), changes_(changes) {
  adopt(std::move(snapshot), std::move(events));
  frame_.tasks().spawn(tick());
}

Worker::~Worker() {
  hand_over_events();
}

void Worker::adopt(std::shared_ptr<const Snapshot> snapshot, std::shared_ptr<daemon::EventSink> events) {
  hand_over_events();
  // A count of references of this worker's own: requests of other threads don't touch its cache line.
  const auto own = std::make_shared<std::shared_ptr<const Snapshot>>(std::move(snapshot));
  snapshot_ = std::shared_ptr<const Snapshot>(own, own->get());
  events_ = std::move(events);
  for (const auto& [at, relay] : relays_) relay->adopt();
  views_.clear();  // those of upstreams that are no more among them
}

std::unique_ptr<Exchange> Worker::take_exchange() {
  if (free_exchanges_.empty()) return std::make_unique<Exchange>(*this);
  auto exchange = std::move(free_exchanges_.back());
  free_exchanges_.pop_back();
  return exchange;
}

const balance::View& Worker::view(const std::shared_ptr<UpstreamState>& state) {
  auto held = views_.find(state.get());
  if (held == views_.end())
    held = views_.emplace(state.get(), HeldView{state, balance::Pool::Reader(state->pool.views())}).first;
  return *held->second.reader.get();
}

H2Pool::Session Worker::start_h2(H2Pool& pool, aio::Stream stream, const Upstream& upstream) {
  http::H2Settings settings;
  settings.idle_timeout = upstream.settings.keepalive_timeout;
  settings.write_timeout = upstream.settings.idle_timeout;
  auto session = std::make_shared<http::H2ClientSession>(loop(), std::move(stream), settings);
  pool.add(session);
  frame_.tasks().spawn(run_h2(pool, session));
  return session;
}

aio::Task<> Worker::run_h2(H2Pool& pool, H2Pool::Session session) {
  co_await session->run();
  pool.remove(session);
}

bool Worker::mirror(MirroredRequest request) {
  constexpr size_t kMostUnderWay = 256;
  if (mirrored_under_way_ >= kMostUnderWay) return false;
  frame_.tasks().spawn(run_mirrored(std::move(request)));
  return true;
}

aio::Task<> Worker::run_mirrored(MirroredRequest request) {
  ++mirrored_under_way_;
  co_await send_mirrored(*this, std::move(request));
  --mirrored_under_way_;
}

void Worker::flush_events() {
  constexpr size_t kBatch = 16 * 1024;
  if (pending_events_.size() >= kBatch) hand_over_events();
}

void Worker::hand_over_events() {
  if (events_) events_->emit(pending_events_);
  pending_events_.clear();
}

// Ten times a second: events that wait for their batch to fill, idle connections that are no longer wanted.
aio::Task<> Worker::tick() {
  for (;;) {
    const auto slept = co_await aio::sleep_until(loop().in(100ms));
    for (const auto& [at, relay] : relays_) relay->tick();
    hand_over_events();
    if (!slept) break;
    for (auto& [id, pool] : pools_) pool.prune(loop().in(0ms));
    std::erase_if(pools_, [](const auto& entry) { return entry.second.size() == 0; });
    std::erase_if(h2_pools_, [](const auto& entry) { return entry.second.is_idle(); });
  }
  pools_.clear();  // before the loop ends
}

void Worker::on_drain() {
  for (http::H2ServerSession* session : h2_clients_) session->drain();
  frame_.tasks().spawn(close_idle_connections());
}

// A client may just be sending its next request. It gets a second to do so, and is then answered with
// "Connection: close"; only who is silent is hung up on.
aio::Task<> Worker::close_idle_connections() {
  const auto waited = co_await aio::sleep_until(loop().in(1s));
  (void)waited;  // cancelled: the connections have ended anyway
  closes_idle_ = true;
  idle_.cancel_all();
}

}  // namespace weir::gateway
