#include "pkg/gateway/mirror.hh"

#include "pkg/gateway/server_choice.hh"
#include "pkg/gateway/server_connection.hh"
#include "pkg/gateway/worker.hh"

namespace weir::gateway {
namespace {

aio::Task<bool> read_body(Worker& worker, http::BodySource& body, Duration patience) {
  for (;;) {
    const auto piece = body.next_piece();
    if (!piece) co_return false;
    const bool last = body.is_done();
    if (!piece->empty()) body.release();
    if (last) co_return true;
    if (!piece->empty()) continue;
    const auto received = co_await body.read_more(worker.loop().in(patience));
    if (!received || (*received == 0 && !body.is_done())) co_return false;
  }
}

// Attempt::ok: there was an answer, and it ended where it should.
aio::Task<Attempt> exchange(Worker& worker, const MirroredRequest& request, ServerSide& server,
                            http::ResponseHead& answer) {
  const UpstreamSection& settings = request.upstream->settings;
  const Outgoing whole{.head = request.head, .piece = request.body, .last = true};
  const auto sent = co_await server.send(whole, worker.loop().in(settings.idle_timeout));
  if (!sent) co_return Attempt::broke_off;
  const aio::Deadline deadline = worker.loop().in(settings.first_byte_timeout);
  std::string reason;
  do {
    const Attempt outcome = co_await server.await_head(request.method, answer, reason, deadline);
    if (outcome != Attempt::ok) co_return outcome;
    server.release_head();
  } while (answer.status < 200 && answer.status != 101);
  const bool complete = co_await read_body(worker, server.body(), settings.idle_timeout);
  co_return complete ? Attempt::ok : Attempt::broke_off;
}

}  // namespace

aio::Task<> send_mirrored(Worker& worker, MirroredRequest request) {
  const Upstream& upstream = *request.upstream;
  const auto start = MonotonicTime::clock::now();
  resilience::Slot slot = upstream.state->bulkhead.try_enter();
  ServerChoice choice;
  const bool is_chosen =
      slot.is_held() && choice.choose(worker.view(upstream.state), upstream, {}, worker.random(), start);
  if (!is_chosen) {
    upstream.metrics.turned_away->add();
    co_return;
  }
  Server& server = *choice.server();
  upstream.metrics.attempts->add();
  ServerConnection connection;
  std::string reason;
  http::ResponseHead answer;
  const ServerConnection::Terms terms{
      .sends_chunks = request.sends_chunks,
      .target = {request.method_text, request.scheme, request.authority, request.path}};
  Attempt outcome = co_await connection.open(worker, upstream, server, terms, reason);
  if (outcome == Attempt::ok) outcome = co_await exchange(worker, request, connection.side(), answer);
  const auto now = MonotonicTime::clock::now();
  if (outcome == Attempt::ok) {
    choice.succeeded(upstream, now - start, now);
    if (answer.keep_alive && answer.status != 101) connection.keep(worker, upstream, server);
  } else if (outcome != Attempt::broke_off || !connection.is_reused()) {
    upstream.metrics.failures->add();
    choice.failed(upstream, now - start, now);
  }
}

}  // namespace weir::gateway
