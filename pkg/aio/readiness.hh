// Waits until a descriptor can be read or written, for who makes the system calls on it himself: splice(2),
// datagrams. It watches a duplicate, for libuv refuses two handles on one descriptor.
#pragma once

#include "pkg/aio/operation.hh"

namespace weir::aio {

class Readiness {
 public:
  enum class For { reading, writing };
  class Wait;
  struct State;

  static Result<Readiness> watch(Loop& loop, int fd, For what);
  Readiness() = default;
  Readiness(Readiness&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  Readiness& operator=(Readiness&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Readiness() { close(); }  // nobody may be waiting
  bool is_open() const { return state_ != nullptr; }
  void close();

  // Ready too when the descriptor has failed: the next system call on it says how. Always lets the loop turn
  // once. Errors: timed_out, cancelled.
  Wait wait(Deadline deadline);

 private:
  explicit Readiness(State* state) : state_(state) {}
  State* state_ = nullptr;
};

class Readiness::Wait final : public Operation {
 public:
  Wait(State& state, Deadline deadline) : state_(state), deadline_(deadline) {}
  bool await_ready() const { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    if (!start(handle, *handle.promise().context, deadline_)) return false;
    attach();
    return true;
  }
  Result<> await_resume() { return to_result(outcome(), "waiting for a socket"); }

 private:
  friend struct State;
  void attach();
  void on_interrupt() override;

  State& state_;
  Deadline deadline_;
};

}  // namespace weir::aio
