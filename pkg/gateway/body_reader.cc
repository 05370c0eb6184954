#include "pkg/gateway/body_reader.hh"

#include <algorithm>

namespace weir::gateway {

BodyReader::BodyReader(aio::Stream& stream, http::Framing framing)
    : stream_(stream),
      kind_(framing.kind),
      left_(framing.length),
      done_(framing.kind == http::BodyKind::none) {}

Result<std::string_view> BodyReader::next_piece() {
  if (piece_ == 0 && !done_) {
    const std::span<char> buffered = stream_.buffered();
    switch (kind_) {
      case http::BodyKind::none:
        break;
      case http::BodyKind::until_close:
        raw_ = piece_ = buffered.size();
        break;
      case http::BodyKind::length:
        raw_ = piece_ = std::min<uint64_t>(left_, buffered.size());
        left_ -= piece_;
        done_ = left_ == 0;
        break;
      case http::BodyKind::chunked: {
        const auto step = decoder_.decode(buffered);
        if (decoder_.refusal()) return fail(Errc::invalid, std::string(decoder_.refusal()->reason));
        raw_ = step.consumed;
        piece_ = step.produced;
        done_ = decoder_.is_done();
        break;
      }
    }
    content_bytes_ += piece_;
    if (piece_ == 0) release();  // chunk sizes and trailers give no content
  }
  return std::string_view(stream_.buffered().data(), piece_);
}

void BodyReader::release() {
  stream_.consume(raw_);
  raw_ = piece_ = 0;
}

aio::Task<Result<size_t>> BodyReader::read_more(aio::Deadline deadline) {
  auto received = co_await stream_.read_more(deadline);
  if (received && *received == 0 && kind_ == http::BodyKind::until_close) done_ = true;
  co_return received;
}

}  // namespace weir::gateway
