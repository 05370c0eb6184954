// The far end of an event sink: one class for each kind of target. Used by the sink's thread only.
#pragma once

#include <memory>
#include <string_view>

#include "pkg/daemon/event_sink.hh"

namespace weir::daemon {

class EventWriter {
 public:
  virtual ~EventWriter() = default;
  // Writes from the front of `lines` and returns how many bytes it has dealt with, in whole lines; 0 means:
  // nothing can be written now, try again later.
  virtual size_t write(std::string_view lines) = 0;
  virtual Result<> reopen() { return {}; }
  // The target is gone for good (a pipe that nobody reads): what comes is dropped.
  virtual bool is_broken() const { return false; }
};

Result<std::unique_ptr<EventWriter>> make_event_writer(const EventTarget& target);
Result<std::unique_ptr<EventWriter>> make_kafka_writer(const EventTarget& target);

}  // namespace weir::daemon
