// A client's connection: let in, understood, and served request after request.

#include "pkg/gateway/h1_client.hh"
#include "pkg/gateway/h2_client.hh"
#include "pkg/gateway/worker.hh"
#include "pkg/http/h2_server.hh"
#include "pkg/transport/proxy_protocol.hh"

namespace weir::gateway {

using namespace std::chrono_literals;

namespace {

constexpr std::string_view kH2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";  // RFC 9113 3.4

std::optional<Peer> peer_of(const aio::Stream& client) {
  const auto address = client.peer_address();
  if (!address) return std::nullopt;
  return Peer{address->ip, address->kind == Address::Kind::ip, address->port};
}

// Takes a PROXY header off the stream; the peer is then whom it tells of. False: there was none that counts.
aio::Task<bool> take_proxy_header(aio::Stream& client, Peer& peer, aio::Deadline deadline) {
  transport::ProxyHeader header;
  for (;;) {
    const auto parsed = transport::parse_proxy_header(client.text(), header);
    if (parsed.verdict == transport::ProxyParse::Verdict::refused) co_return false;
    if (parsed.verdict == transport::ProxyParse::Verdict::done) {
      client.consume(parsed.consumed);
      if (header.kind == transport::ProxyHeader::Kind::stream)
        peer = {header.source.ip, header.source.kind == Address::Kind::ip, header.source.port};
      co_return true;
    }
    const bool has_more = co_await client.more(deadline);
    if (!has_more) co_return false;
  }
}

// In a frame of its own, which lives only as long as it waits.
aio::Task<> give_way() {
  co_await aio::yield();
}

}  // namespace

aio::Task<> Worker::serve(aio::Stream client, daemon::ListenPointPtr at) {
  const Listener* listener = snapshot_->find(at->name);
  if (listener == nullptr) listener = &snapshot_->main;
  return serve_arrival(std::move(client), {{}, snapshot_, listener});
}

// Between requests a connection is this coroutine and its stream: what is held here across the waits is what
// ten thousand idle clients cost, so all else is in coroutines that have ended by then.
aio::Task<> Worker::serve_arrival(aio::Stream client, Arrival arrival) {
  const Admission admission(arrival.listener->state);
  const bool speaks_h1 = co_await serve_other(client, arrival);
  if (!speaks_h1) co_return;
  aio::TaskContext& task = co_await aio::this_task();
  // Requests that can be answered without waiting must not keep others of this thread from being served.
  constexpr unsigned kRequestsInARow = 64;
  for (unsigned served = 1;; ++served) {
    while (client.text().empty()) {
      if (closes_idle_) co_return;
      const aio::IdleList::Mark mark(idle_, task);
      const bool has_more = co_await client.more(loop().in(snapshot_->config.client.idle_timeout));
      if (!has_more) co_return;
    }
    refresh(arrival);
    const auto next = co_await serve_h1_request(client, arrival);
    if (next == Exchange::Next::passed_on) co_return;
    if (next == Exchange::Next::close) break;
    if (served % kRequestsInARow == 0) co_await give_way();
  }
  co_await linger(client);
}

// True: the client is let in, and what it speaks is HTTP/1.1. Anything else has been served to its end.
aio::Task<bool> Worker::serve_other(aio::Stream& client, Arrival& arrival) {
  const bool is_in = co_await let_in(client, arrival);
  if (!is_in) co_return false;
  if (arrival.listener->settings.mode != ListenerMode::http) {
    co_await relay(client, arrival);
    co_return false;
  }
  const bool is_h2 = co_await begins_h2(client, arrival);
  if (is_h2) co_await serve_h2(client, arrival);
  co_return !is_h2;
}

aio::Task<bool> Worker::let_in(aio::Stream& client, Arrival& arrival) {
  const Listener& listener = *arrival.listener;
  const auto peer = peer_of(client);
  if (!peer) co_return false;  // it has left already
  arrival.peer = *peer;
  listener.metrics->connections->add();
  const aio::Deadline deadline = loop().in(arrival.snapshot->config.client.header_timeout);
  if (listener.settings.proxy_protocol) {
    const bool taken = co_await take_proxy_header(client, arrival.peer, deadline);
    if (!taken) co_return false;
  }
  const auto now = static_cast<limit::Time>(MonotonicTime::clock::now().time_since_epoch().count());
  if (!listener.let_in(arrival.peer, now)) co_return false;
  if (!listener.tls) co_return true;
  const auto agreed = co_await client.start_tls(listener.tls, deadline);
  (agreed ? listener.metrics->handshakes : listener.metrics->failed_handshakes)->add();
  if (!agreed) {
    log::debug("TLS handshake failed", {{"listener", listener.name},
                                        {"client", arrival.peer.address.to_string()},
                                        {"reason", agreed.error().message}});
  }
  co_return agreed.has_value();
}

// What TLS has agreed on; in clear, what the client begins with.
aio::Task<bool> Worker::begins_h2(aio::Stream& client, const Arrival& arrival) {
  if (client.is_tls()) co_return client.tls().alpn == "h2";
  if (!arrival.listener->settings.http2) co_return false;
  aio::TaskContext& task = co_await aio::this_task();
  aio::Deadline deadline = loop().in(arrival.snapshot->config.client.idle_timeout);
  for (;;) {
    const std::string_view text = client.text().substr(0, kH2Preface.size());
    if (!kH2Preface.starts_with(text)) co_return false;
    if (text.size() == kH2Preface.size()) co_return true;
    if (closes_idle_) co_return false;
    const aio::IdleList::Mark mark(idle_, task);
    const bool has_more = co_await client.more(deadline);
    if (!has_more) co_return false;
    deadline = loop().in(arrival.snapshot->config.client.header_timeout);
  }
}

// A connection whose listener has gone in the meantime goes on as it began.
void Worker::refresh(Arrival& arrival) const {
  if (arrival.snapshot == snapshot_) return;
  const bool is_main = arrival.listener->name.empty();
  const Listener* const now = is_main ? &snapshot_->main : snapshot_->find(arrival.listener->name);
  if (now == nullptr) return;
  arrival.listener = now;
  arrival.snapshot = snapshot_;
}

// From a request's first byte to the end of its answer.
aio::Task<Exchange::Next> Worker::serve_h1_request(aio::Stream& client, const Arrival& arrival) {
  const ClientSection& settings = arrival.snapshot->config.client;
  const http::HeadLimits limits{settings.max_request_line.count, settings.max_header_bytes.count,
                                settings.max_headers};
  const aio::Deadline deadline = loop().in(settings.header_timeout);
  http::HeadScanner scanner;
  http::Refusal refusal;
  for (;;) {
    const auto progress = scanner.scan(client.text(), limits);
    if (progress == http::HeadScanner::Progress::complete) break;
    if (progress == http::HeadScanner::Progress::refused) {
      refusal = scanner.refusal();
    } else {
      const auto received = co_await client.read_more(deadline);
      if (received && *received > 0) continue;
      const bool late = !received && received.error().code == Errc::timed_out;
      const bool full = !received && received.error().code == Errc::limit;
      if (!late && !full) co_return Exchange::Next::close;
      refusal = late ? http::Refusal{408, "the request's head came too slowly"}
                     : http::Refusal{431, "the request's head is too long"};
    }
    auto exchange = take_exchange();
    H1Client side(client, 0);
    co_await exchange->refuse(side, arrival, refusal.status, refusal.reason);
    free_exchanges_.push_back(std::move(exchange));
    co_return Exchange::Next::close;
  }
  auto exchange = take_exchange();
  auto next = Exchange::Next::close;
  {
    H1Client side(client, scanner.size());
    next = co_await exchange->run(side, arrival);
  }
  free_exchanges_.push_back(std::move(exchange));
  co_return next;
}

// RFC 9112 9.6: closing at once, with bytes of the client's unread, would reset the connection and could take
// the answer away before the client has read it.
aio::Task<> Worker::linger(aio::Stream& client) {
  if (!client.finish_writing()) co_return;
  constexpr uint64_t kMostBytes = 1024 * 1024;
  const uint64_t before = client.bytes_in();
  const aio::Deadline deadline = loop().in(2s);
  while (client.bytes_in() - before < kMostBytes) {
    client.consume(client.text().size());
    const bool has_more = co_await client.more(deadline);
    if (!has_more) co_return;
  }
}

aio::Task<> Worker::serve_h2(aio::Stream& client, Arrival& arrival) {
  const ClientSection& section = arrival.snapshot->config.client;
  http::H2Settings settings;
  settings.head = {section.max_request_line.count, section.max_header_bytes.count, section.max_headers};
  settings.head_timeout = section.header_timeout;
  settings.idle_timeout = section.idle_timeout;
  settings.write_timeout = section.write_timeout;
  http::H2ServerSession session(loop(), client, settings, [&](http::H2ServerStreamPtr request) {
    session.scope().spawn(serve_h2_request(std::move(request), arrival));
  });
  h2_clients_.push_back(&session);
  if (is_draining()) session.drain();
  co_await session.run();
  std::erase(h2_clients_, &session);
}

aio::Task<> Worker::serve_h2_request(http::H2ServerStreamPtr request, Arrival& arrival) {
  refresh(arrival);
  auto exchange = take_exchange();
  {
    H2Client side(std::move(request), arrival.listener->tls ? "https" : "http");
    co_await exchange->run(side, arrival);
  }
  free_exchanges_.push_back(std::move(exchange));
}

}  // namespace weir::gateway
