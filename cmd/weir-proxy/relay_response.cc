// The answer's way back to the client.

#include <algorithm>

#include "cmd/weir-proxy/exchange.hh"
#include "cmd/weir-proxy/worker.hh"
#include "pkg/http/write.hh"

namespace weir::proxy {

aio::Task<Exchange::Next> Exchange::relay_response() {
  record_.status = response_.status;
  if (response_.status == 101) co_return co_await switch_protocols();
  const http::Framing framing = response_.framing;
  const bool has_length = framing.kind == http::BodyKind::none || framing.kind == http::BodyKind::length;
  const bool chunked = !has_length && !request_.is_http_1_0;
  // A client that is still sending when its answer is there has a connection of which nobody knows where the
  // next request would begin.
  const bool request_complete = !upload_ || upload_->sent_all;
  const bool keep_alive =
      request_.keep_alive && request_complete && (has_length || chunked) && !worker_.is_draining();
  http::Framing written = framing;
  if (!has_length) written.kind = chunked ? http::BodyKind::chunked : http::BodyKind::until_close;
  write_response_head(written, keep_alive);
  upstream_.consume(response_head_size_);
  BodyReader body(upstream_, framing);
  const bool complete = co_await relay_body(body, chunked);
  if (!complete) co_return Next::close;
  upstream_clean_ = response_.keep_alive && request_complete;
  co_return keep_alive ? Next::keep_alive : Next::close;
}

// Writes the head with the body's first piece, then piece after piece. False when the answer could not be
// completed: the client then sees a connection that closes too early.
aio::Task<bool> Exchange::relay_body(BodyReader& body, bool chunked) {
  const Duration patience = route_->upstream->settings.idle_timeout;
  std::string& out = response_out_;  // the head at first, then chunk sizes
  std::string end;
  for (;;) {
    const auto piece = body.next_piece();
    if (!piece) {
      record_.reason = "the answer's body is malformed: " + piece.error().message;
      co_return false;
    }
    const bool last = body.is_done();
    if (piece->empty() && !last && out.empty()) {
      const auto received = co_await upstream_.read_more(loop().in(patience));
      if (received && *received > 0) continue;
      if (received && body.end_of_stream()) continue;
      record_.reason =
          received ? "the server closed the connection within its answer" : received.error().message;
      co_return false;
    }
    end.clear();
    if (chunked) {
      if (!piece->empty()) {
        http::append_chunk_size(out, piece->size());
        end = "\r\n";
      }
      if (last) {
        end += "0\r\n";
        for (const http::Field& field : body.trailers()) {
          if (passes_response_field(field)) http::append_field(end, field.name, field.value);
        }
        end += "\r\n";
      }
    }
    const std::string_view parts[] = {out, *piece, end};
    answer_begun_ = true;
    const auto sent = co_await client_->write(parts, loop().in(settings().write_timeout));
    if (!sent) {
      record_.reason = "the client did not take the answer: " + sent.error().message;
      co_return false;
    }
    out.clear();
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
    upstream_.close();
    co_return co_await answer(502, "the upstream gave an answer that is not valid HTTP");
  }
  write_response_head({}, true);
  upstream_.consume(response_head_size_);
  answer_begun_ = true;
  const auto sent = co_await client_->write(response_out_, loop().in(settings().write_timeout));
  if (!sent) co_return Next::close;
  // From here on (RFC 9110 7.8) nothing is known of what passes.
  TunnelRecord record;
  record.upstream = route_->upstream->name;
  const bool passed_on = co_await worker_.run_tunnel(*client_, upstream_, std::move(record));
  upstream_.close();
  co_return passed_on ? Next::passed_on : Next::close;
}

void Exchange::keep_upstream() {
  if (!upstream_.is_open()) return;
  if (!upstream_clean_) return upstream_.close();
  const UpstreamSection& upstream = route_->upstream->settings;
  worker_.pool(*server_).give_back(std::move(upstream_), loop().in(upstream.keepalive_timeout),
                                   upstream.keepalive);
}

}  // namespace weir::proxy
