// A request's body that did not come in one piece with its head: it is sent on as it arrives while the server
// may already answer. Two tasks, one for each direction, until the answer's head is there; from then on the
// body goes on in the background of the answer, and is given up when the answer ends first.

#include "pkg/gateway/exchange.hh"
#include "pkg/gateway/worker.hh"

namespace weir::gateway {

aio::Task<Attempt> Exchange::upload(std::string_view first_piece) {
  body_gone_ = body_gone_ || !first_piece.empty();
  body_->release();
  Upload& upload = upload_.emplace(loop());
  upload.tasks.spawn(pump(upload));
  upload.tasks.spawn(watch(upload));
  const UpstreamSection& upstream = upstream_->settings;
  while (!upload.head && upload.client_status == 0) {
    upload.progress.reset();
    const bool body_is_over = upload.sent_all || upload.server_stopped;
    const uint64_t piece = upload.pieces;
    const ClientWatch watch(*client_, body_is_over ? watcher() : nullptr);
    const auto woken = co_await upload.progress.wait(
        loop().in(body_is_over ? upstream.first_byte_timeout : upstream.idle_timeout));
    if (woken) continue;
    // A piece that was under way all that time is one that the server doesn't take.
    const bool is_stuck = !body_is_over && upload.is_writing && upload.pieces == piece;
    if (is_stuck) record_.reason = "the server takes no more of the request's body";
    if (body_is_over || is_stuck || woken.error().code == Errc::cancelled) break;
  }
  if (upload.client_status != 0) {
    refusal_ = upload.client_status;
    record_.reason = upload.client_reason;
    co_return Attempt::client_failed;
  }
  co_return upload.head.value_or(Attempt::timed_out);
}

aio::Task<> Exchange::pump(Upload& upload) {
  const auto fail_client = [&upload](int status, std::string_view reason) {
    upload.client_status = status;
    upload.client_reason = reason;
  };
  const UpstreamSection& upstream = upstream_->settings;
  const uint64_t most = settings().max_body.count;
  // The client may be waiting for the server's leave to send.
  Duration patience =
      settings().body_timeout + (request_.expects_continue ? upstream.first_byte_timeout : Duration{0});
  while (!upload.sent_all) {
    const auto piece = body_->next_piece();
    if (!piece) {
      fail_client(400, "the body's chunked coding is malformed");
      break;
    }
    if (most != 0 && body_->content_bytes() > most) {
      fail_client(413, "the body is larger than client.max_body");
      break;
    }
    if (piece->empty() && !body_->is_done()) {
      const auto received = co_await body_->read_more(loop().in(patience));
      patience = settings().body_timeout;
      if (received && *received > 0) continue;
      if (!received && received.error().code == Errc::timed_out) {
        fail_client(408, "the body came too slowly");
      } else if (received || received.error().code != Errc::cancelled) {
        task_->cancel();  // the client left: nobody wants the answer
      }
      break;
    }
    body_gone_ = true;
    ++upload.pieces;
    upload.is_writing = true;
    // No deadline: it would close the connection under the answer that is perhaps being relayed from it.
    // upload() and relay_body() see to it that this ends.
    const auto sent = co_await send_piece({}, *piece, body_->is_done(), aio::Deadline::never());
    upload.is_writing = false;
    if (!sent) {
      upload.server_stopped = true;
      break;
    }
    body_->release();
    upload.sent_all = body_->is_done();
  }
  upload.progress.set();
}

aio::Task<> Exchange::watch(Upload& upload) {
  upload.head = co_await await_head(aio::Deadline::never());
  upload.progress.set();
}

aio::Task<> Exchange::end_upload() {
  if (!upload_) co_return;
  co_await upload_->tasks.close();
  upload_.reset();
}

}  // namespace weir::gateway
