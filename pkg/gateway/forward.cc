// Getting an answer from one of the upstream's servers: a place inside the bulkhead, a server whose breaker
// is closed, a connection, the request; and another attempt where that failed and may safely be repeated.

#include "pkg/daemon/log.hh"
#include "pkg/gateway/bulkhead_queue.hh"
#include "pkg/gateway/exchange.hh"
#include "pkg/gateway/mirror.hh"
#include "pkg/gateway/worker.hh"
#include "pkg/http/write.hh"

namespace weir::gateway {
aio::Task<resilience::Slot> Exchange::enter_bulkhead() {
  const ClientWatch watch(*client_, watcher());
  co_return co_await gateway::enter_bulkhead(loop(), *upstream_);
}

aio::Task<Exchange::Next> Exchange::forward() {
  choose_upstream();
  const Upstream& upstream = *upstream_;
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
    if (!choose_server()) {
      upstream.metrics.turned_away->add();
      co_return co_await answer(503, "no server of this upstream can be asked now", "Retry-After: 1\r\n");
    }
    upstream.metrics.attempts->add();
    Attempt outcome = Attempt::ok;
    if (only_fresh || !take_idle_connection()) outcome = co_await connect(only_fresh);
    if (outcome == Attempt::ok) outcome = co_await send_request();
    if (task_->cancelled) co_return Next::close;
    judge(outcome);
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

void Exchange::choose_upstream() {
  const IpAddress& client = record_.client;
  upstream_ = route_->split ? route_->split->choose(client, path_, request_.fields, worker_.random())
                            : route_->upstream;
  sticky_server_.clear();
  if (upstream_->sticky) sticky_server_ = upstream_->sticky->server_of(request_.fields);
}

bool Exchange::choose_server() {
  const balance::View& view = worker_.view(upstream_->state);
  Preference preference{.sticky = sticky_server_};
  if (balance::uses_key(view.algorithm()))
    preference.key = upstream_->key.hash(record_.client, path_, request_.fields);
  // The clock has been read for the first attempt.
  record_.attempt_start = sent_ || record_.retries > 0 ? MonotonicTime::clock::now() : record_.start;
  if (!choice_.choose(view, *upstream_, preference, worker_.random(), record_.attempt_start)) return false;
  record_.server = choice_.server()->name();
  return true;
}

// A body that is still coming can only go to one place.
void Exchange::mirror() {
  if (!route_->mirror || worker_.random().unit() >= route_->mirror_share) return;
  const bool stands_alone = !request_.expects_continue && request_.upgrade.empty();
  const auto body = body_->next_piece();
  if (!stands_alone || !body || !body_->is_done()) return route_->metrics->not_mirrored->add();
  const bool sends_chunks = request_.framing.kind == http::BodyKind::chunked;
  MirroredRequest copy{.snapshot = snapshot_,
                       .upstream = route_->mirror.get(),
                       .method = request_.method,
                       .method_text = std::string(request_.method_text),
                       .scheme = std::string(client_->scheme()),
                       .authority = std::string(authority()),
                       .path = target_,
                       .head = request_out_,
                       .body = std::string(*body),
                       .sends_chunks = sends_chunks};
  (worker_.mirror(std::move(copy)) ? route_->metrics->mirrored : route_->metrics->not_mirrored)->add();
}

bool Exchange::take_idle_connection() {
  record_.connect = Duration{0};
  const bool sends_chunks = request_.framing.kind == http::BodyKind::chunked;
  return connection_.take_idle(worker_, *upstream_, *choice_.server(), sends_chunks);
}

aio::Task<Attempt> Exchange::connect(bool only_fresh) {
  const ClientWatch watch(*client_, watcher());
  const bool sends_chunks = request_.framing.kind == http::BodyKind::chunked;
  const ServerConnection::Terms terms{
      .only_fresh = only_fresh,
      .sends_chunks = sends_chunks,
      .target = {request_.method_text, client_->scheme(), authority(), target_},
      .client = &peer_};
  const Attempt outcome =
      co_await connection_.open(worker_, *upstream_, *choice_.server(), terms, record_.reason);
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
      co_await send_piece(request_out_, *piece, whole, loop().in(upstream_->settings.idle_timeout));
  if (!written && written.error().code == Errc::timed_out) co_return Attempt::timed_out;
  if (!whole) co_return co_await upload(*piece);
  // A write that failed may mean that the server has answered already and closed: its answer is worth a look.
  const ClientWatch watch(*client_, watcher());
  co_return co_await await_head(loop().in(upstream_->settings.first_byte_timeout));
}

// Writes `head` and a piece of the request's body.
aio::Task<Result<>> Exchange::send_piece(std::string_view head, std::string_view piece, bool last,
                                         aio::Deadline deadline) {
  trailers_out_.clear();
  if (last) trailers_out_ = trailers_of(*body_, &Exchange::passes_request_field);
  return connection_.side().send({head, piece, last, trailers_out_}, deadline);
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

void Exchange::judge(Attempt outcome) {
  const UpstreamMetrics& metrics = upstream_->metrics;
  const auto before = choice_.server()->breaker.state();
  const auto now = outcome == Attempt::ok ? record_.start + record_.first_byte : MonotonicTime::clock::now();
  const Duration taken = now - record_.attempt_start;
  // A server that refuses a stream works: it only takes no more at the moment.
  const bool is_nobodys_fault = outcome == Attempt::client_failed || outcome == Attempt::refused ||
                                (outcome == Attempt::broke_off && connection_.is_reused());
  const bool overloaded = response_.status >= 502 && response_.status <= 504;
  if (is_nobodys_fault) {
    choice_.abandon();
  } else if (outcome == Attempt::ok && !overloaded) {
    choice_.succeeded(*upstream_, taken, now);
  } else {
    metrics.failures->add();
    choice_.failed(*upstream_, taken, now);
  }
  if (outcome == Attempt::ok)
    metrics.first_byte_seconds->observe(std::chrono::duration<double>(record_.first_byte).count());
  if (route_->split && !is_nobodys_fault)
    route_->split->record(*upstream_, outcome == Attempt::ok && response_.status < 500, taken);
  note_breaker(before);
}

void Exchange::note_breaker(resilience::BreakerState before) {
  const auto after = choice_.server()->breaker.state();
  if (after == before) return;
  const auto level = after == resilience::BreakerState::open ? log::Level::warn : log::Level::info;
  log::write(level, "circuit breaker changed",
             {{"upstream", upstream_->name},
              {"server", choice_.server()->name()},
              {"state", resilience::to_string(after)},
              {"reason", record_.reason}});
  worker_.changes().publish("breaker", {{"upstream", upstream_->name},
                                        {"server", choice_.server()->name()},
                                        {"state", resilience::to_string(after)},
                                        {"reason", record_.reason}});
}

bool Exchange::may_repeat(Attempt outcome) const {
  if (outcome == Attempt::client_failed || body_gone_ || answer_begun_) return false;
  return !sent_ || outcome == Attempt::refused || http::is_idempotent(request_.method);
}

bool Exchange::should_retry(Attempt outcome, unsigned retries) {
  const Upstream& upstream = *upstream_;
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
  log::warn("upstream failed", {{"upstream", upstream_->name},
                                {"server", record_.server},
                                {"route", route_->name},
                                {"status", std::to_string(status)},
                                {"reason", record_.reason},
                                {"request_id", trace_.request_id}});
  co_return co_await answer(status, text);
}

}  // namespace weir::gateway
