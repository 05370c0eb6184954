// Reading the head of a message, strictly (RFC 9112): what could be understood in two ways is refused and
// never repaired, for the next reader might understand it the other way.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "pkg/http/message.hh"

namespace weir::http {

// Why a message is refused: the status to answer a request with (an upstream's bad answer is always a 502),
// and words for the log. The words are static text.
struct Refusal {
  int status = 400;
  std::string_view reason;
};

struct HeadLimits {
  size_t line = 8192;    // bytes of the first line, without its end
  size_t bytes = 16384;  // bytes of all field lines, with their ends
  size_t fields = 100;
  // HTTP/2 only: whatever stands for the host will do, for whom all hosts are one. Clients of gRPC write
  // there what they were told to connect to, "http://" and all.
  bool any_host = false;
};

// Finds the end of a head in what has been received so far. Remembers how far it has looked, so that a head
// that arrives byte by byte costs no more than one that comes whole. A bare LF or CR, another control
// character but the tab, or a limit that is passed is refused by the byte that shows it, and the verdict does
// not depend on how the bytes were split.
class HeadScanner {
 public:
  enum class Progress { need_more, complete, refused };

  // `received` begins where the message begins, and only grows between calls.
  Progress scan(std::string_view received, const HeadLimits& limits);
  size_t size() const { return size_; }                // of the head, when complete
  const Refusal& refusal() const { return refusal_; }  // when refused
  void reset() { *this = {}; }

 private:
  Progress refuse(Refusal refusal);
  Progress end_line(size_t end);
  // Of the present line as far as `end`, and of what stands before it.
  std::optional<Refusal> check_limits(size_t end, const HeadLimits& limits) const;

  size_t scanned_ = 0;
  size_t line_start_ = 0;
  size_t fields_start_ = 0;  // behind the first line; 0 while that is not complete
  size_t lines_ = 0;         // complete ones
  size_t size_ = 0;
  Refusal refusal_;
};

// `head` is what the scanner found complete: from the first byte to the empty line.
// The result's views point into it.
std::optional<Refusal> parse_request_head(std::string_view head, RequestHead& out);
// `request` tells how the body is delimited: an answer to HEAD has none.
std::optional<Refusal> parse_response_head(std::string_view head, Method request, ResponseHead& out);

// Field lines, each ended by CRLF, without the empty line: of a head or a trailer section.
std::optional<Refusal> parse_fields(std::string_view lines, FieldList& out);

}  // namespace weir::http
