// Bodies on their way through: read in the form one side sent them, written in the form the other side gets.
// Never more than one buffer of a body is held, so any size passes in constant memory.
#pragma once

#include <string>

#include "pkg/aio/stream.hh"
#include "pkg/http/chunked.hh"

namespace weir::gateway {

// Reads one body from a stream that is positioned behind its head.
class BodyReader {
 public:
  BodyReader(aio::Stream& stream, http::Framing framing);

  // Decodes what is buffered. The piece stays valid until release(); it is empty when more must be received
  // or the body is done. Errors: invalid (bad chunking).
  Result<std::string_view> next_piece();
  // Gives the piece's place in the buffer free.
  void release();
  // The stream ended. True where that is how this body ends; otherwise it was cut off.
  bool end_of_stream();

  bool is_done() const { return done_; }                                   // no piece follows the present one
  uint64_t content_bytes() const { return content_bytes_; }                // so far
  const http::FieldList& trailers() const { return decoder_.trailers(); }  // once done

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
