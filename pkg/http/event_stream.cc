#include "pkg/http/event_stream.hh"

namespace weir::http {

bool EventStreamParser::feed(std::string_view piece) {
  for (const char c : piece) {
    if (is_too_long_) return false;
    const bool ends_crlf = c == '\n' && after_cr_;
    after_cr_ = c == '\r';
    if (ends_crlf) continue;
    if (c == '\r' || c == '\n') {
      end_line();
      continue;
    }
    line_ += c;
    is_too_long_ = line_.size() + event_.data.size() > kMostEventBytes;
  }
  return !is_too_long_;
}

std::optional<StreamEvent> EventStreamParser::next() {
  if (events_.empty()) return std::nullopt;
  std::optional<StreamEvent> event(std::move(events_.front()));
  events_.pop_front();
  return event;
}

void EventStreamParser::end_line() {
  std::string_view line = line_;
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (is_first_line_ && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  is_first_line_ = false;
  if (line.empty()) {
    dispatch();
  } else if (line.front() != ':') {  // else a comment
    const size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (name == "data") {
      if (has_data_) event_.data += '\n';
      event_.data += value;
      has_data_ = true;
    } else if (name == "event") {
      event_.type = value;
    } else if (name == "id" && value.find('\0') == std::string_view::npos) {
      event_.id = value;
    }
  }
  line_.clear();
}

void EventStreamParser::dispatch() {
  if (has_data_) events_.push_back(event_);
  has_data_ = false;
  event_.type.clear();
  event_.data.clear();
}

}  // namespace weir::http
