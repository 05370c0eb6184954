// The content of a message as it comes in, whatever protocol carries it.
#pragma once

#include <string_view>

#include "pkg/aio/operation.hh"
#include "pkg/http/message.hh"

namespace weir::http {

class BodySource {
 public:
  virtual ~BodySource() = default;

  // What is there now: the same piece until release(). Empty: nothing has come yet, or, when is_done(),
  // nothing more will. Errors: invalid (the body's coding is malformed).
  virtual Result<std::string_view> next_piece() = 0;
  // Gives the piece's memory back; more may then be sent to us.
  virtual void release() = 0;
  // Waits until more has come: how many bytes, 0 when the peer has ended. Where that is how the body ends, it
  // is then done; otherwise it was cut off. Errors: timed_out, cancelled, closed.
  virtual aio::Task<Result<size_t>> read_more(aio::Deadline deadline) = 0;

  virtual bool is_done() const = 0;               // no piece follows the present one
  virtual uint64_t content_bytes() const = 0;     // so far
  virtual const FieldList& trailers() const = 0;  // once done
};

}  // namespace weir::http
