// HTTP/2 in front (RFC 9113): one session a connection, one stream a request.
//
//   H2ServerSession session(loop, stream, settings, [&](H2ServerStreamPtr request) {
//     session.scope().spawn(answer(std::move(request)));
//   });
//   co_await session.run();
//
// The stream is any connected aio::Stream whose client speaks HTTP/2 from its first byte: in clear with prior
// knowledge, or as TLS negotiated. What a hostile client can do is bounded by H2Settings and by a budget for
// each connection (see h2_guard.hh); beyond it the connection is told ENHANCE_YOUR_CALM and closed.
#pragma once

#include <functional>
#include <memory>

#include "pkg/aio/scope.hh"
#include "pkg/aio/stream.hh"
#include "pkg/http/h2_settings.hh"
#include "pkg/http/h2_stream.hh"

namespace weir::http {

// A part of an answer. Field lines are written as for HTTP/1.1, "Name: value\r\n"...; names become lower-case
// on the way, and fields that speak of a connection are left out. All views must be valid until the await
// ends, and need be no longer.
struct H2Answer {
  int status = 0;  // 0: the head was sent before
  std::string_view lines = {};
  std::string_view piece = {};  // of the content; with nothing of it, `last` ends the stream with the head
  bool last = false;            // no content follows
  std::string_view trailer_lines = {};  // with `last` only
};

class H2ServerStream final : public H2Stream {
 public:
  explicit H2ServerStream(H2Core& core) : H2Stream(core) {}

  RequestHead head;         // as of an HTTP/1.1 request; fields in lower case, with "host" among them
  std::string_view scheme;  // as received
  // When set, the head may be incomplete, and all that is left is to answer it with this status.
  std::optional<Refusal> refusal;

  // A head before the answer's: 100, 103.
  Send send_interim(int status, std::string_view lines, aio::Deadline deadline);
  // All parts that are sent in the same turn of the loop, by whatever streams, leave in one system call.
  // Waits while the stream's or the connection's window is closed or the socket takes nothing.
  Send send(const H2Answer& part, aio::Deadline deadline);

 private:
  void begin_head(H2FieldReader& fields) override;
  H2Verdict take_head(H2FieldReader& fields, bool end_of_stream) override;
};

using H2ServerStreamPtr = std::unique_ptr<H2ServerStream>;

class H2ServerSession {
 public:
  using OnRequest = std::function<void(H2ServerStreamPtr)>;

  // `stream` must outlive the session. `on_request` is called when a request's head is complete, from within
  // run(); it spawns what answers it in scope(), or drops the stream, which resets it.
  H2ServerSession(aio::Loop& loop, aio::Stream& stream, const H2Settings& settings, OnRequest on_request);
  ~H2ServerSession();

  // Serves until the connection is over and all that was spawned in scope() has ended. Tasks are cancelled
  // only with the task that runs this, or as H2Stream::watch() says; the others find their stream lost.
  aio::Task<> run();
  // Takes no more requests (GOAWAY) without cutting off those on their way; run() ends when all are answered.
  void drain();

  aio::Scope& scope();
  size_t streams() const;  // whose work has not ended

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::http
