// A Scope owns the tasks that are spawned in it. Nothing is fire-and-forget: before a scope dies its tasks
// must have ended, which `co_await scope.join()` waits for and `co_await scope.close()` brings about.
#pragma once

#include <functional>

#include "pkg/aio/operation.hh"
#include "pkg/aio/task.hh"

namespace weir::aio {

namespace detail {

// A spawned task's place in its scope's list.
struct TaskRecord {
  TaskContext context;
  TaskRecord* next = nullptr;
  TaskRecord** link = nullptr;  // what points at this record
};

}  // namespace detail

class Scope {
 public:
  explicit Scope(Loop& loop) : loop_(loop) {}
  // `on_task_end` is called whenever a task has ended; it must not touch the scope.
  Scope(Loop& loop, std::function<void()> on_task_end) : loop_(loop), on_task_end_(std::move(on_task_end)) {}
  ~Scope();  // aborts when a task is still running: it would use what is being destroyed
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  // Runs `task` until its first wait, then whenever that wait ends. Its result is its own affair.
  void spawn(Task<> task);

  // Each task's present wait, and every later one, ends with Errc::cancelled.
  void cancel();

  size_t size() const { return size_; }
  Loop& loop() const { return loop_; }

  // Waits until all tasks have ended. If the waiting task is cancelled, so are these, and the wait goes on.
  class Join final : public Operation {
   public:
    explicit Join(Scope& scope) : scope_(scope) {}
    bool await_ready() const { return scope_.size_ == 0; }
    template <typename Promise>
    bool await_suspend(std::coroutine_handle<Promise> handle) {
      TaskContext& context = *handle.promise().context;
      if (context.cancelled) scope_.cancel();
      if (scope_.size_ == 0) return false;
      scope_.joiner_ = this;
      start_uncancelled(handle, context);
      return true;
    }
    void await_resume() const {}

   private:
    friend class Scope;
    void on_interrupt() override { scope_.cancel(); }
    Scope& scope_;
  };
  Join join() { return Join(*this); }
  Join close() {
    cancel();
    return Join(*this);
  }

 private:
  struct Root;
  static Root run(Task<> task);

  Loop& loop_;
  std::function<void()> on_task_end_;
  detail::TaskRecord* first_ = nullptr;
  size_t size_ = 0;
  Join* joiner_ = nullptr;
};

}  // namespace weir::aio
