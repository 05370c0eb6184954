#include <cstring>

#include "pkg/http/head.hh"

namespace weir::http {

HeadScanner::Progress HeadScanner::refuse(int status, std::string_view reason) {
  refusal_ = {status, reason};
  return Progress::refused;
}

// `end` is where the first line's text, or all field lines together, end as far as they have come; `complete`
// tells whether that is for good. What is not may yet have the CR of a line end behind it.
std::optional<Refusal> HeadScanner::check_limits(size_t end, bool complete, const HeadLimits& limits) const {
  const size_t slack = complete ? 0 : 1;
  const bool in_first_line = fields_start_ == 0;
  if (in_first_line && end - line_start_ > limits.line + slack)
    return Refusal{414, "the request line is too long"};
  if (!in_first_line && end - fields_start_ > limits.bytes + slack) {
    return Refusal{431, "the header fields are too long"};
  }
  if (lines_ > limits.fields + 1) return Refusal{431, "there are too many header fields"};
  return std::nullopt;
}

HeadScanner::Progress HeadScanner::scan(std::string_view received, const HeadLimits& limits) {
  while (scanned_ < received.size()) {
    const char* from = received.data() + scanned_;
    const auto* feed = static_cast<const char*>(memchr(from, '\n', received.size() - scanned_));
    if (feed == nullptr) {
      scanned_ = received.size();
      break;
    }
    const auto at = static_cast<size_t>(feed - received.data());
    scanned_ = at + 1;
    if (at == line_start_ || received[at - 1] != '\r') return refuse(400, "a line ends without CR");
    const bool is_empty = at - 1 == line_start_;
    const bool is_leading = lines_ == 0 && line_start_ == 0;
    if (is_empty && lines_ == 0) {
      // RFC 9112 2.2: one empty line before a request, as old clients sent behind a body, is passed over.
      if (!is_leading) return refuse(400, "empty lines before the request line");
      line_start_ = scanned_;
      continue;
    }
    if (is_empty || lines_ == 0) {
      if (const auto refusal = check_limits(at - 1, true, limits))
        return refuse(refusal->status, refusal->reason);
    }
    line_start_ = scanned_;
    if (is_empty) {
      size_ = scanned_;
      return Progress::complete;
    }
    if (lines_++ == 0) fields_start_ = scanned_;
  }
  const auto refusal = check_limits(received.size(), false, limits);
  return refusal ? refuse(refusal->status, refusal->reason) : Progress::need_more;
}

}  // namespace weir::http
