#include "pkg/gateway/relay_udp.hh"

#include "pkg/daemon/log.hh"
#include "pkg/gateway/connection_event.hh"
#include "pkg/gateway/server_choice.hh"
#include "pkg/gateway/worker.hh"

namespace weir::gateway {

using namespace std::chrono_literals;

namespace {

aio::UdpSessions::Settings settings_of(const Snapshot& snapshot, std::string_view listener) {
  aio::UdpSessions::Settings settings;
  if (const Listener* const found = snapshot.find(listener))
    settings.idle_timeout = found->settings.udp_timeout;
  settings.most = snapshot.config.server.max_connections;
  return settings;
}

}  // namespace

struct UdpRelay::Session {
  explicit Session(const Arrival& from) : arrival(from), admission(from.listener->state) {}

  const Arrival arrival;
  const Admission admission;
  std::shared_ptr<const Upstream> upstream;
  resilience::Slot slot;
  ServerChoice choice;
  bool is_settled = false;  // the breaker has been told how it went
  ConnectionRecord record;
};

Result<std::unique_ptr<UdpRelay>> UdpRelay::start(Worker& worker, daemon::ListenPointPtr at,
                                                  aio::Descriptor socket) {
  std::unique_ptr<UdpRelay> relay(new UdpRelay(worker, std::move(at)));
  const auto session_of = [](const Facts& facts) -> Session& {
    return *static_cast<Session*>(facts.choice.companion.get());
  };
  aio::UdpSessions::Hooks hooks;
  hooks.choose_server = [self = relay.get()](const aio::Endpoint& client) {
    return self->open_session(client);
  };
  hooks.on_first_answer = [self = relay.get(), session_of](const Facts& facts) {
    self->on_first_answer(session_of(facts));
  };
  hooks.on_failure = [self = relay.get(), session_of](const Facts& facts, const Error& error) {
    self->on_failure(session_of(facts), error);
  };
  hooks.on_end = [self = relay.get(), session_of](const Facts& facts) {
    self->on_end(session_of(facts), facts);
  };
  auto sessions = aio::UdpSessions::open(worker.loop(), std::move(socket),
                                         settings_of(worker.snapshot(), relay->at_->name), std::move(hooks));
  if (!sessions) return std::unexpected(std::move(sessions.error()));
  relay->sessions_ = std::move(*sessions);
  relay->adopt();
  relay->running_.spawn(relay->sessions_->run());
  return relay;
}

UdpRelay::UdpRelay(Worker& worker, daemon::ListenPointPtr at)
    : worker_(worker), at_(std::move(at)), running_(worker.loop()) {}

void UdpRelay::adopt() {
  sessions_->set(settings_of(worker_.snapshot(), at_->name));
  const Listener* const listener = worker_.snapshot().find(at_->name);
  if (listener != nullptr && listener->udp_metrics) metrics_ = listener->udp_metrics;
}

std::optional<aio::UdpSessions::Choice> UdpRelay::open_session(const aio::Endpoint& client) {
  Arrival arrival;
  arrival.snapshot = worker_.share_snapshot();
  arrival.listener = arrival.snapshot->find(at_->name);
  arrival.peer = {client.ip, true, client.port};
  // It may have gone, or be of another mode by now; then this socket is about to be closed.
  if (arrival.listener == nullptr || !arrival.listener->udp_metrics) return std::nullopt;
  const auto session = std::make_shared<Session>(arrival);
  const auto now = MonotonicTime::clock::now();
  const auto time = static_cast<limit::Time>(now.time_since_epoch().count());
  if (!arrival.listener->let_in(arrival.peer, time)) return std::nullopt;
  session->record.start = now;
  session->upstream = arrival.listener->destination.choose(client.ip, worker_.random());
  session->record.upstream = session->upstream->name;
  session->slot = session->upstream->state->bulkhead.try_enter();
  if (!session->slot.is_held()) {
    session->upstream->metrics.turned_away->add();
    return std::nullopt;
  }
  auto server = choose_server(*session);
  if (!server) return std::nullopt;
  arrival.listener->metrics->connections->add();
  arrival.listener->udp_metrics->open->add(1);
  unsettled_.push_back(session);
  return aio::UdpSessions::Choice{std::move(*server), session};
}

// One whose name does not resolve is passed over.
std::optional<Address> UdpRelay::choose_server(Session& session) {
  const Upstream& upstream = *session.upstream;
  const Preference preference{.key = upstream.key.hash(session.arrival.peer.address), .sticky = {}};
  for (uint64_t attempt = 0; attempt <= upstream.settings.retries; ++attempt) {
    const auto now = MonotonicTime::clock::now();
    const balance::View& view = worker_.view(upstream.state);
    if (!session.choice.choose(view, upstream, preference, worker_.random(), now)) break;
    upstream.metrics.attempts->add();
    if (auto address = session.choice.server()->next_address()) {
      session.record.server = session.choice.server()->name();
      return address;
    }
    upstream.metrics.failures->add();
    session.choice.failed(upstream, 0s, now);
  }
  upstream.metrics.turned_away->add();
  return std::nullopt;
}

void UdpRelay::on_first_answer(Session& session) {
  const auto now = MonotonicTime::clock::now();
  session.choice.succeeded(*session.upstream, now - session.record.start, now);
  session.is_settled = true;
}

void UdpRelay::on_failure(Session& session, const Error& error) {
  const auto now = MonotonicTime::clock::now();
  // A server that was there and is gone now is news to the breaker, although it has been told before.
  if (session.is_settled) session.choice.server()->breaker.allow(now).failure(now);
  session.choice.failed(*session.upstream, now - session.record.start, now);
  session.is_settled = true;
  session.upstream->metrics.failures->add();
  session.record.reason = error.message;
}

void UdpRelay::on_end(Session& session, const Facts& facts) {
  session.record.bytes_in = facts.bytes_to_server;
  session.record.bytes_out = facts.bytes_to_client;
  session.arrival.listener->udp_metrics->open->add(-1);
  log_connection_end(session.arrival, session.record);
  if (std::string* out = worker_.events()) {
    append_connection_event(*out, session.arrival, session.record);
    worker_.flush_events();
  }
}

void UdpRelay::tick() {
  settle_silent();
  publish_counts();
}

// Not every protocol has answers. A server that no ICMP has come from for as long as connecting may take is
// there, as far as anyone can tell; a half-open breaker would else wait for this session's end.
void UdpRelay::settle_silent() {
  const auto now = MonotonicTime::clock::now();
  while (!unsettled_.empty()) {
    const auto oldest = unsettled_.front().lock();
    if (oldest && !oldest->is_settled) {
      if (now - oldest->record.start < oldest->upstream->settings.connect_timeout) break;
      oldest->choice.accepted(now);
      oldest->is_settled = true;
    }
    unsettled_.pop_front();
  }
}

void UdpRelay::publish_counts() {
  if (!metrics_) return;
  const aio::UdpSessions::Counts& counts = sessions_->counts();
  metrics_->to_server->add(counts.to_server - published_.to_server);
  metrics_->to_client->add(counts.to_client - published_.to_client);
  metrics_->bytes_to_server->add(counts.bytes_to_server - published_.bytes_to_server);
  metrics_->bytes_to_client->add(counts.bytes_to_client - published_.bytes_to_client);
  metrics_->refused->add(counts.refused - published_.refused);
  metrics_->dropped->add(counts.dropped - published_.dropped);
  published_ = counts;
}

aio::Task<> UdpRelay::finish() {
  constexpr Duration kLongestAnswer = 5s;  // what clients of DNS wait for, too
  const auto idle = settings_of(worker_.snapshot(), at_->name).idle_timeout;
  sessions_->drain(std::min<Duration>(idle, kLongestAnswer));
  co_await running_.join();
  publish_counts();
}

void Worker::serve_datagrams(daemon::ListenPointPtr at, aio::Descriptor socket) {
  auto relay = UdpRelay::start(*this, at, std::move(socket));
  if (!relay) {
    log::error("cannot listen", {{"address", at->name}, {"reason", relay.error().message}});
    return;
  }
  relays_.insert_or_assign(std::move(at), std::move(*relay));
}

aio::Task<> Worker::stop_datagrams(daemon::ListenPointPtr at) {
  const auto found = relays_.find(at);
  if (found == relays_.end()) co_return;
  const auto relay = std::move(found->second);
  relays_.erase(found);
  co_await relay->finish();
}

}  // namespace weir::gateway
