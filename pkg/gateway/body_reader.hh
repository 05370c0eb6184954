// A body in HTTP/1.1's form, read in place: never more than one buffer of it is held, so any size passes in
// constant memory.
#pragma once

#include "pkg/aio/stream.hh"
#include "pkg/http/body_source.hh"
#include "pkg/http/chunked.hh"

namespace weir::gateway {

// Reads one body from a stream that is positioned behind its head.
class BodyReader final : public http::BodySource {
 public:
  BodyReader(aio::Stream& stream, http::Framing framing);

  Result<std::string_view> next_piece() override;
  void release() override;
  aio::Task<Result<size_t>> read_more(aio::Deadline deadline) override;
  bool is_done() const override { return done_; }
  uint64_t content_bytes() const override { return content_bytes_; }
  const http::FieldList& trailers() const override { return decoder_.trailers(); }

 private:
  aio::Stream& stream_;
  http::BodyKind kind_;
  uint64_t left_;  // of a length-delimited body
  uint64_t content_bytes_ = 0;
  size_t raw_ = 0;    // received bytes that the present piece stands for
  size_t piece_ = 0;  // its size; it stands at the front of the buffer
  bool done_;
  http::ChunkedDecoder decoder_;
};

}  // namespace weir::gateway
