// A message's content as it comes in, whatever carries it: an HTTP/1.1 connection or an HTTP/2 stream. Never
// more of it is held than a buffer or a window, so any size passes in constant memory.
#pragma once

#include <cstdint>
#include <string_view>

#include "pkg/aio/operation.hh"
#include "pkg/http/message.hh"

namespace weir::http {

class BodySource {
 public:
  virtual ~BodySource() = default;

  // What is there now; the same, and valid, until release(). Empty: nothing now, or the end when is_done().
  // Errors: invalid (malformed).
  virtual Result<std::string_view> next_piece() = 0;
  // Gives the piece's memory back, and with it the peer's leave to send as much again.
  virtual void release() = 0;
  // Waits until there is more than was taken: content, or the end. How many bytes came, as the connection
  // counts them; 0: the peer left without finishing the body. Errors: timed_out, cancelled, closed, limit.
  virtual aio::Task<Result<size_t>> read_more(aio::Deadline deadline) = 0;

  virtual bool is_done() const = 0;            // no piece follows the present one
  virtual uint64_t content_bytes() const = 0;  // taken so far
  // Once done. They live as long as the source.
  virtual const FieldList& trailers() const = 0;
};

}  // namespace weir::http
