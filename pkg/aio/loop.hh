// The event loop of one thread: a libuv loop, a timer wheel, the queue of tasks that are ready to go on, and
// a pool of receive buffers. Not safe to touch from other threads, but for post().
#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pkg/aio/buffer.hh"
#include "pkg/aio/pipe.hh"
#include "pkg/aio/timer_wheel.hh"
#include "pkg/base/clock.hh"
#include "pkg/base/units.hh"

struct uv_handle_s;
struct uv_loop_s;

namespace weir::aio {

// A point in a loop's own time, in milliseconds; what every wait on the outside world is bounded by.
class Deadline {
 public:
  static Deadline never() { return Deadline(TimerWheel::kNoTick); }
  static Deadline at(uint64_t tick) { return Deadline(tick); }
  bool is_never() const { return tick_ == TimerWheel::kNoTick; }
  uint64_t tick() const { return tick_; }
  auto operator<=>(const Deadline&) const = default;

 private:
  explicit Deadline(uint64_t tick) : tick_(tick) {}
  uint64_t tick_;
};

std::string libuv_version();

class Loop {
 public:
  Loop();
  // Everything that lives on the loop must have ended; waits for handles that are still closing.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs until stop(); may be called again.
  void run();
  void stop();

  // From any thread: runs `function` on the loop's thread, in order.
  void post(std::function<void()> function);

  // The deadline `after` from now, rounded up to a millisecond; never() for Duration::max().
  Deadline in(Duration after) const;
  uint64_t now_tick() const;
  // When the loop began its present turn, to within the kernel's coarse clock (some milliseconds): what is
  // dealt with now has been waiting since then at least.
  MonotonicTime turn_began() const;

  // For the awaiters of this library.
  void arm(Timer& timer, Deadline deadline);
  void disarm(Timer& timer) { wheel_->disarm(timer); }
  void defer(std::coroutine_handle<> handle);
  void defer_to_next_turn(std::coroutine_handle<> handle);  // behind what sockets and timers bring until then
  // uv_close() within a poll looks through all that the poll brought, for the handle's descriptor: with 64
  // connections under way that was a tenth of our instructions for a new one. Behind the poll it does not.
  // Until then the handle may be told of what comes.
  void close_behind_poll(uv_handle_s* handle, void (*on_closed)(uv_handle_s*));
  BufferPool& buffers() { return buffers_; }
  PipePool& pipes() { return pipes_; }
  uv_loop_s* uv() { return uv_.get(); }
  static Loop& of(const uv_loop_s* uv);  // whose uv() it is

 private:
  struct Handles;
  struct CloseLoop {
    void operator()(uv_loop_s* loop) const;
  };

  void expect_ready();
  void run_ready();
  void schedule_wheel();
  void close_handles();

  BufferPool buffers_;
  PipePool pipes_;
  std::unique_ptr<uv_loop_s, CloseLoop> uv_;
  std::unique_ptr<TimerWheel> wheel_;
  std::unique_ptr<Handles> handles_;
  std::vector<std::coroutine_handle<>> ready_;
  std::vector<std::coroutine_handle<>> running_;  // of run_ready()
  std::vector<std::coroutine_handle<>> next_turn_;
  struct ToClose {
    uv_handle_s* handle;
    void (*on_closed)(uv_handle_s*);
  };
  std::vector<ToClose> to_close_;
  bool runs_ready_ = false;
  uint64_t wake_tick_ = TimerWheel::kNoTick;  // when the wheel is to be advanced next
};

}  // namespace weir::aio
