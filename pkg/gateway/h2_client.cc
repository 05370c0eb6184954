#include "pkg/gateway/h2_client.hh"

#include <utility>

namespace weir::gateway {

std::optional<http::Refusal> H2Client::read_head(http::RequestHead& out) {
  std::swap(out, stream_->head);  // its views point into the stream
  return stream_->refusal;
}

aio::Task<Result<>> H2Client::send_interim(std::string_view head, aio::Deadline deadline) {
  auto sent = co_await stream_->send_interim(status_, head, deadline);
  co_return sent;
}

aio::Task<Result<>> H2Client::send(Outgoing out, aio::Deadline deadline) {
  const http::H2Answer part{.status = std::exchange(status_, 0),
                            .lines = out.head,
                            .piece = out.piece,
                            .last = out.last,
                            .trailer_lines = out.trailers};
  auto sent = co_await stream_->send(part, deadline);
  co_return sent;
}

}  // namespace weir::gateway
