// A leaf await: the point where a task really waits for the outside world, a timer or another task. It has
// a deadline and can be cancelled; the first of completion, timeout and cancellation wins.
#pragma once

#include <coroutine>
#include <cstdint>

#include "pkg/aio/loop.hh"
#include "pkg/aio/task.hh"
#include "pkg/base/result.hh"

namespace weir::aio {

// How a wait ended, without the cost of an Error's string. Ok is the zero value.
enum class Outcome : uint8_t { ok, timed_out, cancelled, failed };

// The base of every awaiter that suspends. A derived class offers await_ready() (try without waiting) and
// await_resume(), and calls start() from await_suspend().
class Operation : private Timer {
 public:
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  void cancel() {
    if (outcome_ == Outcome::ok) interrupt(Outcome::cancelled);
  }

 protected:
  Operation() = default;
  ~Operation() = default;

  // Registers the wait. False means: do not suspend, the task is already cancelled.
  bool start(std::coroutine_handle<> handle, TaskContext& context, Deadline deadline) {
    if (context.cancelled) {
      outcome_ = Outcome::cancelled;
      return false;
    }
    start_uncancelled(handle, context);
    if (!deadline.is_never()) context.loop->arm(*this, deadline);
    return true;
  }
  // For the waits that clean up: they happen in a cancelled task too.
  void start_uncancelled(std::coroutine_handle<> handle, TaskContext& context) {
    handle_ = handle;
    context_ = &context;
    context.waiting = this;
  }

  // The wait is over: goes on with the task now (from the loop) or in the loop's next turn.
  void resume_now() { finish().resume(); }
  void resume_later() {
    const auto handle = finish();
    context_->loop->defer(handle);
  }
  // The wait is over; the caller resumes what it returns.
  std::coroutine_handle<> finish() {
    if (is_armed()) context_->loop->disarm(*this);
    context_->waiting = nullptr;
    return handle_;
  }

  // The deadline passed, or the task was cancelled. The default is to end the wait; an operation the kernel
  // still holds memory of must first take that back, and resume when it has.
  virtual void on_interrupt() { resume_later(); }

  Outcome outcome() const { return outcome_; }
  void set_outcome(Outcome outcome) { outcome_ = outcome; }
  Loop& loop() const { return *context_->loop; }

 private:
  void interrupt(Outcome reason) {
    outcome_ = reason;
    if (is_armed()) context_->loop->disarm(*this);
    on_interrupt();
  }
  void on_timer() final {
    if (outcome_ == Outcome::ok) interrupt(Outcome::timed_out);
  }
  std::coroutine_handle<> handle_;
  TaskContext* context_ = nullptr;
  Outcome outcome_ = Outcome::ok;
};

inline void TaskContext::cancel() {
  cancelled = true;
  if (waiting != nullptr) waiting->cancel();
}

// Result<> of an outcome; `doing` names what was waited for.
Result<> to_result(Outcome outcome, std::string_view doing);

// co_await sleep_until(deadline): ok when the time has come, an error when cancelled.
class Sleep final : public Operation {
 public:
  explicit Sleep(Deadline until) : until_(until) {}
  bool await_ready() const { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    return start(handle, *handle.promise().context, until_);
  }
  Result<> await_resume() {
    if (outcome() == Outcome::cancelled) return fail(Errc::cancelled, "cancelled");
    return {};
  }

 private:
  Deadline until_;
};
inline Sleep sleep_until(Deadline until) {
  return Sleep(until);
}

// co_await yield(): lets the loop serve others first. Every loop that may run long without waiting needs one.
class Yield final : public Operation {
 public:
  bool await_ready() const { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    if (!start(handle, *handle.promise().context, Deadline::never())) return false;
    loop().defer_to_next_turn(finish());
    return true;
  }
  void await_resume() const {}
};
inline Yield yield() {
  return {};
}

// A flag that one task at most waits for; set() from the same loop. It stays set until reset().
class Event {
 public:
  class Wait final : public Operation {
   public:
    Wait(Event& event, Deadline deadline) : event_(event), deadline_(deadline) {}
    bool await_ready() const { return event_.set_; }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      if (!start(handle, *handle.promise().context, deadline_)) return false;
      event_.waiter_ = this;
      return true;
    }
    Result<> await_resume() { return to_result(outcome(), "waiting"); }

   private:
    friend class Event;
    void on_interrupt() override {
      event_.waiter_ = nullptr;
      resume_later();
    }
    Event& event_;
    Deadline deadline_;
  };

  void set() {
    set_ = true;
    if (Wait* waiter = std::exchange(waiter_, nullptr)) waiter->resume_later();
  }
  void reset() { set_ = false; }
  bool is_set() const { return set_; }
  Wait wait(Deadline deadline) { return Wait(*this, deadline); }

 private:
  bool set_ = false;
  Wait* waiter_ = nullptr;
};

}  // namespace weir::aio
