// Server-sent events, read as the HTML standard says ("Server-sent events", 9.2.6).
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace weir::http {

struct StreamEvent {
  std::string type = {};  // empty: none was named
  std::string data = {};  // its lines, with "\n" between
  std::string id = {};    // the last that was given, by this event or an earlier one
  bool operator==(const StreamEvent&) const = default;
};

class EventStreamParser {
 public:
  static constexpr size_t kMostEventBytes = 1 << 20;

  // Takes what has come; it may be split anywhere. False: an event is too long, and nothing can follow.
  bool feed(std::string_view piece);
  // The next complete event, or nothing yet. Those without data are none.
  std::optional<StreamEvent> next();

 private:
  void end_line();
  void dispatch();

  std::string line_;
  bool after_cr_ = false;
  bool is_first_line_ = true;
  bool has_data_ = false;
  bool is_too_long_ = false;
  StreamEvent event_;
  std::deque<StreamEvent> events_;
};

}  // namespace weir::http
