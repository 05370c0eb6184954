// Connections that are passed on whole: chosen a server for, connected, and carried until they end.

#include "pkg/gateway/bulkhead_queue.hh"
#include "pkg/gateway/connection_event.hh"
#include "pkg/gateway/dial.hh"
#include "pkg/gateway/server_choice.hh"
#include "pkg/gateway/worker.hh"
#include "pkg/transport/client_hello.hh"

namespace weir::gateway {
namespace {

// The name that a TLS client asks for; the stream keeps what has come. Nothing: it speaks no TLS, or left.
aio::Task<std::optional<std::string>> read_server_name(aio::Stream& client, aio::Deadline deadline) {
  transport::ClientHello hello;
  for (;;) {
    const auto parsed = transport::parse_client_hello(client.text(), hello);
    if (parsed.verdict == transport::HelloParse::Verdict::hello) co_return hello.server_name;
    if (parsed.verdict == transport::HelloParse::Verdict::not_tls) co_return std::nullopt;
    const bool has_more = co_await client.more(deadline);
    if (!has_more) co_return std::nullopt;
  }
}

// A server that takes the connection; one that refuses it, or is too slow, is passed over. Nothing of the
// client's has been sent, so any may be asked.
aio::Task<aio::Stream> connect(Worker& worker, const Arrival& arrival, const Upstream& upstream,
                               aio::FirstToSend first, ServerChoice& choice, ConnectionRecord& record) {
  const Preference preference{.key = upstream.key.hash(arrival.peer.address), .sticky = {}};
  for (uint64_t attempt = 0; attempt <= upstream.settings.retries; ++attempt) {
    const auto start = MonotonicTime::clock::now();
    if (!choice.choose(worker.view(upstream.state), upstream, preference, worker.random(), start)) {
      upstream.metrics.turned_away->add();
      record.reason = "no server of this upstream can be asked now";
      break;
    }
    upstream.metrics.attempts->add();
    record.server = choice.server()->name();
    const aio::Deadline deadline = worker.loop().in(upstream.settings.connect_timeout);
    auto connected = co_await dial(worker.loop(), upstream, *choice.server(), &arrival.peer, first, deadline);
    const auto now = MonotonicTime::clock::now();
    if (connected) {
      choice.succeeded(upstream, now - start, now);
      record.reason.clear();
      co_return std::move(*connected);
    }
    record.reason = connected.error().message;
    if (connected.error().code == Errc::cancelled) break;
    upstream.metrics.failures->add();
    choice.failed(upstream, now - start, now);
  }
  co_return aio::Stream();
}

aio::Task<> carry(Worker& worker, aio::Stream& client, const Arrival& arrival, const Upstream& upstream,
                  ConnectionRecord& record) {
  const resilience::Slot slot = co_await enter_bulkhead(worker.loop(), upstream);
  if (!slot.is_held()) {
    upstream.metrics.turned_away->add();
    record.reason = "too many connections are under way to this upstream";
    co_return;
  }
  ServerChoice choice;
  // Most clients speak first, and most of those have by now: what they sent goes to the server at once.
  if (client.text().empty()) client.receive_now();
  const auto first = client.text().empty() ? aio::FirstToSend::peer : aio::FirstToSend::we;
  aio::Stream server = co_await connect(worker, arrival, upstream, first, choice, record);
  if (!server.is_open()) co_return;
  TunnelRecord tunnel;
  tunnel.upstream = upstream.name;
  const TunnelOutcome outcome = co_await worker.run_tunnel(client, server, std::move(tunnel));
  record.bytes_in = outcome.bytes_in;
  record.bytes_out = outcome.bytes_out;
  if (outcome.reason != aio::TunnelEnd::Reason::finished) record.reason = to_string(outcome.reason);
}

}  // namespace

aio::Task<> Worker::relay(aio::Stream& client, const Arrival& arrival) {
  const Listener& listener = *arrival.listener;
  ConnectionRecord record;
  record.start = MonotonicTime::clock::now();
  const Destination* destination = &listener.destination;
  if (listener.settings.mode == ListenerMode::sni) {
    const aio::Deadline deadline = loop().in(arrival.snapshot->config.client.header_timeout);
    const auto name = co_await read_server_name(client, deadline);
    destination = name ? listener.find(*name) : nullptr;
    record.server_name = name.value_or("");
    if (!name) record.reason = "no TLS hello came";
  }
  if (destination == nullptr) {
    if (record.reason.empty()) record.reason = "no upstream takes this name";
  } else {
    const auto upstream = destination->choose(arrival.peer.address, random_);
    record.upstream = upstream->name;
    co_await carry(*this, client, arrival, *upstream, record);
  }
  log_connection_end(arrival, record);
  if (std::string* out = events()) {
    append_connection_event(*out, arrival, record);
    flush_events();
  }
}

}  // namespace weir::gateway
