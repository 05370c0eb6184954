// Events: lines of NDJSON on their way out of the process, to where `target` says. A thread of the sink's own
// writes; who emits only hands batches over. Bounded: what does not fit is dropped and counted, for an access
// log must not stop the traffic it describes.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "pkg/base/result.hh"

namespace weir::daemon {

// stdout, off, file:PATH, unix:PATH (a stream socket someone listens on), kafka://HOST:PORT/TOPIC
struct EventTarget {
  enum class Kind { off, standard_output, file, unix_socket, kafka };
  Kind kind = Kind::standard_output;
  std::string path;     // of file and unix_socket
  std::string brokers;  // of kafka
  std::string topic;

  static Result<EventTarget> parse(std::string_view text);
  std::string to_string() const;
  bool operator==(const EventTarget&) const = default;
};

class EventSink {
 public:
  static constexpr size_t kMostQueuedBytes = 16 << 20;

  // Errors: a file that cannot be opened. A socket or broker that is not there yet is tried again and again.
  static Result<std::unique_ptr<EventSink>> open(const EventTarget& target);
  // Writes what is queued, for five seconds at most.
  ~EventSink();
  EventSink(const EventSink&) = delete;
  EventSink& operator=(const EventSink&) = delete;

  // Whole lines, each with its newline. From any thread; never blocks on the output.
  void emit(std::string_view lines);
  // The file was renamed away: the next line goes to a new one of its name.
  void reopen();

  uint64_t dropped_lines() const;
  const EventTarget& target() const;

 private:
  struct State;
  explicit EventSink(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::daemon
