// HTTP/2 to a server: one session a connection, many requests at once.
//
//   H2ClientSession session(loop, std::move(stream), settings);
//   scope.spawn(session.run());
//   auto request = session.open();
//   auto ready = co_await session.await_settings(deadline);
//   ... and while session.can_open(), others beside it
#pragma once

#include <deque>
#include <memory>

#include "pkg/aio/stream.hh"
#include "pkg/http/h2_settings.hh"
#include "pkg/http/h2_stream.hh"

namespace weir::http {

// A part of a request; see H2Answer.
struct H2Request {
  std::string_view method = {};  // "": the head was sent before
  std::string_view scheme = {};
  std::string_view authority = {};
  std::string_view path = {};  // with the query
  std::string_view lines = {};
  std::string_view piece = {};
  bool last = false;
  std::string_view trailer_lines = {};
};

class H2ClientStream final : public H2Stream {
 public:
  explicit H2ClientStream(H2Core& core) : H2Stream(core) {}

  Send send(const H2Request& part, aio::Deadline deadline);
  // The next head: interim ones (1xx) first, as they come; then the answer's. Its views live as long as the
  // stream. Errors: timed_out, cancelled, refused (safe to try again), closed; end() tells more.
  aio::Task<Result<>> await_head(ResponseHead& out, aio::Deadline deadline);

 private:
  static constexpr size_t kMostInterim = 16;

  void begin_head(H2FieldReader& fields) override;
  H2Verdict take_head(H2FieldReader& fields, bool end_of_stream) override;

  Method method_ = Method::other;
  size_t heads_seen_ = 0;
  size_t heads_ready_ = 0;  // the first ones of heads_; one more may be coming in
  std::deque<ResponseHead> heads_;
};

using H2ClientStreamPtr = std::unique_ptr<H2ClientStream>;

class H2ClientSession {
 public:
  H2ClientSession(aio::Loop& loop, aio::Stream stream, const H2Settings& settings);
  ~H2ClientSession();

  // Runs the connection until it ends, or is idle for too long. Streams may outlive it: they are lost.
  aio::Task<> run();
  // Whether a request can begin now: the connection stands, neither side is leaving, and the server takes one
  // more at the same time.
  bool can_open() const;
  // Precondition: can_open(). Only the first may be opened before, and sends when await_settings() has ended
  // well: so nobody else takes its place.
  H2ClientStreamPtr open();
  // Waits until the server has said what it takes; to be called once, by who has opened the first stream.
  // Errors: timed_out, cancelled; closed: the connection ended; refused: it takes no stream at all.
  aio::Task<Result<>> await_settings(aio::Deadline deadline);
  size_t most_streams() const;  // at the same time, as far as the server has said
  // Opens no more; run() ends when the last stream has.
  void drain();

  size_t streams() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::http
