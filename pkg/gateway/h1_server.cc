#include "pkg/gateway/h1_server.hh"

#include "pkg/gateway/chunks.hh"

namespace weir::gateway {
namespace {

constexpr http::HeadLimits kResponseLimits{.line = 8192, .bytes = 48 * 1024, .fields = 256};

Attempt attempt_of(Errc error) {
  if (error == Errc::timed_out) return Attempt::timed_out;
  return error == Errc::limit ? Attempt::bad_answer : Attempt::broke_off;
}

}  // namespace

aio::Task<Result<>> H1Server::send(Outgoing out, aio::Deadline deadline) {
  if (!sends_chunks_) {
    const std::string_view parts[] = {out.head, out.piece};
    auto sent = co_await stream_.write(parts, deadline);
    co_return sent;
  }
  const ChunkFrame chunk(out);
  auto sent = co_await stream_.write(chunk.parts(), deadline);
  co_return sent;
}

aio::Task<Attempt> H1Server::await_head(http::Method request, http::ResponseHead& out, std::string& reason,
                                        aio::Deadline deadline) {
  http::HeadScanner scanner;
  for (;;) {
    const auto progress = scanner.scan(stream_.text(), kResponseLimits);
    if (progress == http::HeadScanner::Progress::complete) break;
    if (progress == http::HeadScanner::Progress::refused) {
      reason = scanner.refusal().reason;
      co_return Attempt::bad_answer;
    }
    const auto received = co_await stream_.read_more(deadline);
    if (received && *received > 0) continue;
    if (received) {
      reason = "the server closed the connection before it answered";
      co_return Attempt::broke_off;
    }
    // Who cancelled knows why.
    if (received.error().code != Errc::cancelled) reason = received.error().message;
    co_return attempt_of(received.error().code);
  }
  head_size_ = scanner.size();
  if (const auto refusal = http::parse_response_head(stream_.text().substr(0, head_size_), request, out)) {
    reason = refusal->reason;
    co_return Attempt::bad_answer;
  }
  framing_ = out.framing;
  co_return Attempt::ok;
}

void H1Server::release_head() {
  stream_.consume(head_size_);
  body_.emplace(stream_, framing_);
}

}  // namespace weir::gateway
