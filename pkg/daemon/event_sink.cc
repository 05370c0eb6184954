#include "pkg/daemon/event_sink.hh"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "pkg/daemon/event_writer.hh"
#include "pkg/daemon/log.hh"

namespace weir::daemon {

using namespace std::chrono_literals;

struct EventSink::State {
  EventTarget target;
  std::unique_ptr<EventWriter> writer;
  std::mutex mutex;
  std::condition_variable changed;
  std::string queue;  // guarded by mutex, as the flags are
  bool should_reopen = false;
  bool should_end = false;
  std::atomic<uint64_t> dropped = 0;
  std::thread thread;

  void run();
  void work_off(std::string& batch);
};

namespace {

uint64_t count_lines(std::string_view lines) {
  return static_cast<uint64_t>(std::ranges::count(lines, '\n'));
}

}  // namespace

Result<EventTarget> EventTarget::parse(std::string_view text) {
  if (text == "off") return EventTarget{Kind::off, {}, {}, {}};
  if (text == "stdout") return EventTarget{};
  if (text.starts_with("file:") && text.size() > 5)
    return EventTarget{Kind::file, std::string(text.substr(5)), {}, {}};
  if (text.starts_with("unix:") && text.size() > 5) {
    return EventTarget{Kind::unix_socket, std::string(text.substr(5)), {}, {}};
  }
  if (text.starts_with("kafka://")) {
    const std::string_view rest = text.substr(8);
    const size_t slash = rest.find('/');
    if (slash != std::string_view::npos && slash > 0 && slash + 1 < rest.size()) {
      return EventTarget{
          Kind::kafka, {}, std::string(rest.substr(0, slash)), std::string(rest.substr(slash + 1))};
    }
  }
  return fail(Errc::invalid, "\"" + std::string(text) +
                                 "\" is no target for events; use stdout, off, file:PATH, unix:PATH or "
                                 "kafka://HOST:PORT/TOPIC");
}

std::string EventTarget::to_string() const {
  switch (kind) {
    case Kind::off:
      return "off";
    case Kind::standard_output:
      return "stdout";
    case Kind::file:
      return "file:" + path;
    case Kind::unix_socket:
      return "unix:" + path;
    case Kind::kafka:
      return "kafka://" + brokers + "/" + topic;
  }
  return "off";
}

Result<std::unique_ptr<EventSink>> EventSink::open(const EventTarget& target) {
  auto state = std::make_unique<State>();
  state->target = target;
  if (target.kind != EventTarget::Kind::off) {
    auto writer = make_event_writer(target);
    if (!writer) return std::unexpected(std::move(writer.error()));
    state->writer = std::move(*writer);
    state->thread = std::thread(&State::run, state.get());
  }
  return std::unique_ptr<EventSink>(new EventSink(std::move(state)));
}

EventSink::EventSink(std::unique_ptr<State> state) : state_(std::move(state)) {}

EventSink::~EventSink() {
  if (!state_->thread.joinable()) return;
  {
    const std::lock_guard lock(state_->mutex);
    state_->should_end = true;
  }
  state_->changed.notify_one();
  state_->thread.join();
}

void EventSink::emit(std::string_view lines) {
  if (!state_->thread.joinable() || lines.empty()) return;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->queue.size() + lines.size() > kMostQueuedBytes) {
      state_->dropped += count_lines(lines);
      return;
    }
    state_->queue += lines;
  }
  state_->changed.notify_one();
}

void EventSink::reopen() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->should_reopen = true;
  }
  state_->changed.notify_one();
}

uint64_t EventSink::dropped_lines() const {
  return state_->dropped;
}

const EventTarget& EventSink::target() const {
  return state_->target;
}

// What is waiting becomes one batch, and one system call where the target takes it.
void EventSink::State::run() {
  for (;;) {
    std::string batch;
    bool reopen = false;
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [this] { return !queue.empty() || should_reopen || should_end; });
      if (queue.empty() && !should_reopen) return;
      batch.swap(queue);
      reopen = std::exchange(should_reopen, false);
    }
    work_off(batch);
    if (!reopen) continue;
    if (const auto opened = writer->reopen(); !opened) {
      log::error("events stay in the old file", {{"reason", opened.error().message}});
    }
  }
}

void EventSink::State::work_off(std::string& batch) {
  std::string_view rest = batch;
  std::chrono::steady_clock::time_point give_up = std::chrono::steady_clock::time_point::max();
  while (!rest.empty()) {
    rest.remove_prefix(writer->write(rest));
    if (rest.empty()) return;
    if (writer->is_broken()) break;
    std::unique_lock lock(mutex);
    const auto now = std::chrono::steady_clock::now();
    if (should_end && give_up == std::chrono::steady_clock::time_point::max()) give_up = now + 5s;
    if (now >= give_up) break;
    changed.wait_for(lock, 100ms);
  }
  dropped += count_lines(rest);
}

}  // namespace weir::daemon
