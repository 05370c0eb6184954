// The answer's way back to the client.

#include <algorithm>

#include "pkg/gateway/exchange.hh"
#include "pkg/gateway/worker.hh"
#include "pkg/http/write.hh"

namespace weir::gateway {

aio::Task<Exchange::Next> Exchange::relay_response() {
  record_.status = response_.status;
  if (response_.status == 101) co_return co_await switch_protocols();
  const http::BodyKind kind = response_.framing.kind;
  const bool has_length = kind == http::BodyKind::none || kind == http::BodyKind::length;
  // A client that is still sending when its answer is there has a connection of which nobody knows where the
  // next request would begin.
  const bool request_complete = !upload_ || upload_->sent_all;
  const bool keep_alive = request_.keep_alive && request_complete && (has_length || client_->marks_end()) &&
                          !worker_.is_draining();
  write_response_head({.length_known = has_length, .keep_alive = keep_alive});
  connection_.side().release_head();
  const bool complete = co_await relay_body(connection_.side().body());
  if (!complete) {
    client_->abort();
    co_return Next::close;
  }
  upstream_clean_ = response_.keep_alive && request_complete;
  co_return keep_alive ? Next::keep_alive : Next::close;
}

// Writes the head with the body's first piece, then piece after piece. False when the answer could not be
// completed: the client then sees a connection that closes too early.
aio::Task<bool> Exchange::relay_body(http::BodySource& body) {
  const Duration patience = upstream_->settings.idle_timeout;
  std::string& head = response_out_;
  for (;;) {
    const auto piece = body.next_piece();
    if (!piece) {
      record_.reason = "the answer's body is malformed: " + piece.error().message;
      co_return false;
    }
    const bool last = body.is_done();
    if (piece->empty() && !last && head.empty()) {
      const auto received = co_await body.read_more(loop().in(patience));
      if (received && (*received > 0 || body.is_done())) continue;
      record_.reason =
          received ? "the server closed the connection within its answer" : received.error().message;
      co_return false;
    }
    const std::string trailers = last ? trailers_of(body, &Exchange::passes_response_field) : std::string();
    answer_begun_ = true;
    if (last) choice_.release_load();
    const Outgoing out{.head = head, .piece = *piece, .last = last, .trailers = trailers};
    const auto sent = co_await client_->send(out, loop().in(settings().write_timeout));
    if (!sent) {
      record_.reason = "the client did not take the answer: " + sent.error().message;
      co_return false;
    }
    head.clear();
    body.release();
    if (last) co_return true;
  }
}

aio::Task<Exchange::Next> Exchange::switch_protocols() {
  const bool was_asked_for =
      std::ranges::any_of(split(request_.upgrade, ','), [this](std::string_view protocol) {
        return !response_.upgrade.empty() && iequals(trim(protocol), response_.upgrade);
      });
  if (!was_asked_for) {
    record_.reason = "the server switched to a protocol that it was not asked for";
    connection_.close();
    co_return co_await answer(502, "the upstream gave an answer that is not valid HTTP");
  }
  aio::Stream* const client = client_->stream();
  write_response_head({});
  connection_.side().release_head();
  answer_begun_ = true;
  const auto sent = co_await client->write(response_out_, loop().in(settings().write_timeout));
  if (!sent) co_return Next::close;
  // From here on (RFC 9110 7.8) nothing is known of what passes.
  TunnelRecord record;
  record.upstream = upstream_->name;
  const TunnelOutcome outcome = co_await worker_.run_tunnel(*client, connection_.stream(), std::move(record));
  connection_.close();
  co_return outcome.passed_on ? Next::passed_on : Next::close;
}

std::string Exchange::trailers_of(const http::BodySource& body,
                                  bool (Exchange::*passes)(const http::Field&) const) {
  std::string lines;
  for (const http::Field& field : body.trailers()) {
    if ((this->*passes)(field)) http::append_field(lines, field.name, field.value);
  }
  return lines;
}

void Exchange::keep_upstream() {
  if (!connection_.is_open()) return;
  if (!upstream_clean_) return connection_.close();
  connection_.keep(worker_, *upstream_, *choice_.server());
}

}  // namespace weir::gateway
