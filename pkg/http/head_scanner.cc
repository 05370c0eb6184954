#include <bit>
#include <cstdint>

#include "pkg/base/words.hh"
#include "pkg/http/head.hh"

namespace weir::http {
namespace {

// Where the next control character stands, or the end: eight bytes at a time, since a head has two in a line.
size_t find_control(std::string_view text, size_t from) {
  for (; from + words::kSize <= text.size(); from += words::kSize) {
    const uint64_t hits = words::below(words::load(text.data() + from), 0x20);
    if (hits != 0) return from + static_cast<size_t>(std::countr_zero(hits)) / 8;
  }
  while (from < text.size() && static_cast<unsigned char>(text[from]) >= 0x20) ++from;
  return from;
}

}  // namespace

HeadScanner::Progress HeadScanner::refuse(Refusal refusal) {
  refusal_ = refusal;
  return Progress::refused;
}

std::optional<Refusal> HeadScanner::check_limits(size_t end, const HeadLimits& limits) const {
  const size_t line = end - line_start_;
  if (line == 0) return std::nullopt;
  if (lines_ == 0) {
    return line > limits.line ? std::optional(Refusal{414, "the request line is too long"}) : std::nullopt;
  }
  if (lines_ > limits.fields) return Refusal{431, "there are too many header fields"};
  // Each line counts with its CRLF, whether that has come already or not.
  const size_t bytes = line_start_ - fields_start_ + line + 2;
  return bytes > limits.bytes ? std::optional(Refusal{431, "the header fields are too long"}) : std::nullopt;
}

// A line that ends at `end`, where its CRLF stands.
HeadScanner::Progress HeadScanner::end_line(size_t end) {
  const bool is_empty = end == line_start_;
  const bool is_leading = line_start_ == 0;
  scanned_ = line_start_ = end + 2;
  if (is_empty && lines_ > 0) {
    size_ = scanned_;
    return Progress::complete;
  }
  if (is_empty) {
    // RFC 9112 2.2: one empty line before a request, as old clients sent behind a body, is passed over.
    return is_leading ? Progress::need_more : refuse({400, "empty lines before the request line"});
  }
  if (lines_++ == 0) fields_start_ = line_start_;
  return Progress::need_more;
}

HeadScanner::Progress HeadScanner::scan(std::string_view received, const HeadLimits& limits) {
  for (;;) {
    const size_t at = find_control(received, scanned_);
    scanned_ = at;
    // Before the byte itself is judged: so the verdict is the same when that byte has not come yet.
    if (const auto refusal = check_limits(at, limits)) return refuse(*refusal);
    if (at == received.size()) return Progress::need_more;
    if (received[at] == '\t') {
      ++scanned_;
      continue;
    }
    if (received[at] == '\n') return refuse({400, "a line ends without CR"});
    if (received[at] != '\r') return refuse({400, "a control character"});
    if (at + 1 == received.size()) return Progress::need_more;
    if (received[at + 1] != '\n') return refuse({400, "a CR that ends no line"});
    const Progress progress = end_line(at);
    if (progress != Progress::need_more) return progress;
  }
}

}  // namespace weir::http
