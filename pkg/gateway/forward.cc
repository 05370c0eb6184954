// Getting an answer from one of the upstream's servers: a place inside the bulkhead, a server whose breaker
// is closed, a connection, the request; and another attempt where that failed and may safely be repeated.

#include "pkg/daemon/log.hh"
#include "pkg/gateway/exchange.hh"
#include "pkg/gateway/mirror.hh"
#include "pkg/gateway/worker.hh"
#include "pkg/http/write.hh"

namespace weir::gateway {
namespace {

// A place in the bulkhead's queue. Who grants it may be on another thread, and its wake may arrive after the
// wait was given up: so the wake keeps the ticket alive.
struct QueueTicket final : resilience::Waiter, std::enable_shared_from_this<QueueTicket> {
  explicit QueueTicket(aio::Loop& home) : loop(home) {}
  void on_granted() override {
    loop.post([self = shared_from_this()] { self->granted.set(); });
  }
  aio::Loop& loop;
  aio::Event granted;
};

}  // namespace

aio::Task<resilience::Slot> Exchange::enter_bulkhead() {
  const Upstream& upstream = *route_->upstream;
  const auto ticket = std::make_shared<QueueTicket>(loop());
  if (!upstream.state->bulkhead.enqueue(*ticket)) co_return resilience::Slot();
  const ClientWatch watch(*client_, watcher());
  const auto granted = co_await ticket->granted.wait(loop().in(upstream.settings.queue_timeout));
  (void)granted;  // leave_queue() knows better: the place may have been granted this very moment
  co_return upstream.state->bulkhead.leave_queue(*ticket);
}

aio::Task<Exchange::Next> Exchange::forward() {
  const Upstream& upstream = *route_->upstream;
  upstream.state->budget.deposit(upstream.settings.retry_budget);
  resilience::Slot slot = upstream.state->bulkhead.try_enter();
  if (!slot.is_held()) slot = co_await enter_bulkhead();
  if (task_->cancelled) co_return Next::close;  // the client left while its request was delayed or queued
  if (!slot.is_held()) {
    upstream.metrics.turned_away->add();
    co_return co_await answer(503, "too many requests are under way to this upstream", "Retry-After: 1\r\n");
  }
  write_request_head();
  mirror();
  bool only_fresh = false;
  for (;;) {
    resilience::Permit permit;
    server_ = upstream.pick(permit, record_.start);
    if (server_ == nullptr) {
      upstream.metrics.turned_away->add();
      co_return co_await answer(503, "the circuit breakers of all servers are open", "Retry-After: 1\r\n");
    }
    record_.server = server_->name();
    upstream.metrics.attempts->add();
    Attempt outcome = co_await connect(only_fresh);
    if (outcome == Attempt::ok) outcome = co_await send_request();
    if (task_->cancelled) co_return Next::close;
    judge(permit, outcome);
    const bool answered = outcome == Attempt::ok;
    if (answered && !upstream.retries_status(response_.status)) break;
    if (outcome == Attempt::broke_off && connection_.is_reused() && may_repeat(outcome) && !only_fresh) {
      // The server closed an idle connection as we took it: no failure of its, and no retry of ours.
      only_fresh = true;
      co_await end_upload();
      continue;
    }
    if (!should_retry(outcome, record_.retries)) {
      if (answered) break;
      co_return co_await give_up(outcome);
    }
    co_await end_upload();
    connection_.close();
    upstream.metrics.retries->add();
    const ClientWatch watch(*client_, watcher());
    const auto delay = resilience::backoff_delay(upstream.backoff, record_.retries++, worker_.random());
    const auto slept = co_await aio::sleep_until(loop().in(delay));
    if (!slept) co_return Next::close;
  }
  co_return co_await relay_response();
}

// A body that is still coming can only go to one place.
void Exchange::mirror() {
  if (!route_->mirror || worker_.random().unit() >= route_->mirror_share) return;
  const bool stands_alone = !request_.expects_continue && request_.upgrade.empty();
  const auto body = body_->next_piece();
  if (!stands_alone || !body || !body_->is_done()) return route_->metrics->not_mirrored->add();
  const bool sends_chunks = request_.framing.kind == http::BodyKind::chunked;
  MirroredRequest copy{snapshot_,    route_->mirror.get(), request_.method,
                       request_out_, std::string(*body),   sends_chunks};
  (worker_.mirror(std::move(copy)) ? route_->metrics->mirrored : route_->metrics->not_mirrored)->add();
}

aio::Task<Attempt> Exchange::connect(bool only_fresh) {
  const ClientWatch watch(*client_, watcher());
  const bool sends_chunks = request_.framing.kind == http::BodyKind::chunked;
  const ServerConnection::Terms terms{.only_fresh = only_fresh, .sends_chunks = sends_chunks};
  const Attempt outcome =
      co_await connection_.open(worker_, *route_->upstream, *server_, terms, record_.reason);
  record_.connect = connection_.connect_time();
  co_return outcome;
}

aio::Task<Attempt> Exchange::send_request() {
  const auto piece = body_->next_piece();
  if (!piece) {
    record_.reason = piece.error().message;
    refusal_ = 400;
    co_return Attempt::client_failed;
  }
  const uint64_t most = settings().max_body.count;
  if (most != 0 && body_->content_bytes() > most) {
    record_.reason = "the body is larger than client.max_body";
    refusal_ = 413;
    co_return Attempt::client_failed;
  }
  // Who expects 100 sends its body only after the server's word.
  const bool whole = body_->is_done();
  sent_ = true;
  const auto written =
      co_await send_piece(request_out_, *piece, whole, loop().in(route_->upstream->settings.idle_timeout));
  if (!written && written.error().code == Errc::timed_out) co_return Attempt::timed_out;
  if (!whole) co_return co_await upload(*piece);
  // A write that failed may mean that the server has answered already and closed: its answer is worth a look.
  const ClientWatch watch(*client_, watcher());
  co_return co_await await_head(loop().in(route_->upstream->settings.first_byte_timeout));
}

// Writes `head` and a piece of the request's body.
aio::Task<Result<>> Exchange::send_piece(std::string_view head, std::string_view piece, bool last,
                                         aio::Deadline deadline) {
  const std::string trailers = last ? trailers_of(*body_, &Exchange::passes_request_field) : std::string();
  auto sent = co_await connection_.side().send({head, piece, last, trailers}, deadline);
  co_return sent;
}

// The answer's head; interim answers go to the client as they come.
aio::Task<Attempt> Exchange::await_head(aio::Deadline deadline) {
  constexpr unsigned kMostInterim = 16;
  for (unsigned interim = 0; interim <= kMostInterim; ++interim) {
    const Attempt outcome =
        co_await connection_.side().await_head(request_.method, response_, record_.reason, deadline);
    if (outcome != Attempt::ok) co_return outcome;
    const bool is_interim = response_.status < 200 && response_.status != 101;
    if (!is_interim) {
      record_.first_byte = MonotonicTime::clock::now() - record_.start;
      record_.reason.clear();
      co_return Attempt::ok;
    }
    const bool passed = co_await pass_on_interim();
    if (!passed) co_return Attempt::client_failed;
  }
  record_.reason = "too many interim responses";
  co_return Attempt::bad_answer;
}

aio::Task<bool> Exchange::pass_on_interim() {
  response_out_.clear();
  client_->begin_head(response_out_, response_.status, response_.reason);
  for (const http::Field& field : response_.fields) {
    if (passes_response_field(field)) http::append_field(response_out_, field.name, field.value);
  }
  connection_.side().release_head();
  const auto sent = co_await client_->send_interim(response_out_, loop().in(settings().write_timeout));
  co_return sent.has_value();
}

void Exchange::judge(resilience::Permit& permit, Attempt outcome) {
  const Upstream& upstream = *route_->upstream;
  const auto before = server_->breaker.state();
  if (outcome == Attempt::ok) {
    const auto now = record_.start + record_.first_byte;
    upstream.metrics.first_byte_seconds->observe(std::chrono::duration<double>(record_.first_byte).count());
    const bool overloaded = response_.status >= 502 && response_.status <= 504;
    if (overloaded) {
      upstream.metrics.failures->add();
      permit.failure(now);
    } else {
      permit.success(now);
    }
  } else if (outcome != Attempt::client_failed &&
             !(outcome == Attempt::broke_off && connection_.is_reused())) {
    upstream.metrics.failures->add();
    permit.failure(MonotonicTime::clock::now());
  }
  permit.abandon();
  const auto after = server_->breaker.state();
  if (after == before) return;
  const auto level = after == resilience::BreakerState::open ? log::Level::warn : log::Level::info;
  log::write(level, "circuit breaker changed",
             {{"upstream", upstream.name},
              {"server", server_->name()},
              {"state", resilience::to_string(after)},
              {"reason", record_.reason}});
  worker_.changes().publish("breaker", {{"upstream", upstream.name},
                                        {"server", server_->name()},
                                        {"state", resilience::to_string(after)},
                                        {"reason", record_.reason}});
}

bool Exchange::may_repeat(Attempt outcome) const {
  if (outcome == Attempt::client_failed || body_gone_ || answer_begun_) return false;
  return !sent_ || outcome == Attempt::refused || http::is_idempotent(request_.method);
}

bool Exchange::should_retry(Attempt outcome, unsigned retries) {
  const Upstream& upstream = *route_->upstream;
  return retries < upstream.settings.retries && may_repeat(outcome) &&
         upstream.state->budget.withdraw(MonotonicTime::clock::now());
}

aio::Task<Exchange::Next> Exchange::give_up(Attempt outcome) {
  co_await end_upload();
  connection_.close();
  if (task_->cancelled) co_return Next::close;
  int status = 502;
  std::string_view text = "the upstream cannot be reached";
  switch (outcome) {
    case Attempt::ok:
      break;
    case Attempt::unresolved:
    case Attempt::connect_failed:
    case Attempt::refused:
      break;
    case Attempt::connect_timed_out:
      status = 504;
      break;
    case Attempt::broke_off:
      text = "the upstream broke off the connection";
      break;
    case Attempt::timed_out:
      status = 504;
      text = "the upstream did not answer in time";
      if (record_.reason.empty()) record_.reason = text;
      break;
    case Attempt::bad_answer:
      text = "the upstream gave an answer that is not valid HTTP";
      break;
    case Attempt::client_failed:
      request_.keep_alive = false;
      co_return co_await answer(refusal_, record_.reason);
  }
  log::warn("upstream failed", {{"upstream", route_->upstream->name},
                                {"server", record_.server},
                                {"route", route_->name},
                                {"status", std::to_string(status)},
                                {"reason", record_.reason},
                                {"request_id", trace_.request_id}});
  co_return co_await answer(status, text);
}

}  // namespace weir::gateway
