#include "pkg/aio/scope.hh"

#include <cstdlib>

namespace weir::aio {

// The coroutine at the bottom of a spawned task. It destroys itself when it ends, and wakes whoever joins.
struct Scope::Root {
  struct promise_type : detail::PooledFrame {
    void enter(Scope& owner) {
      scope = &owner;
      record.context.loop = &owner.loop_;
      record.next = owner.first_;
      record.link = &owner.first_;
      if (record.next != nullptr) record.next->link = &record.next;
      owner.first_ = &record;
      ++owner.size_;
    }

    Root get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }

    struct FinalAwaiter {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> finished) noexcept {
        promise_type& promise = finished.promise();
        Scope& owner = *promise.scope;
        *promise.record.link = promise.record.next;
        if (promise.record.next != nullptr) promise.record.next->link = promise.record.link;
        finished.destroy();
        if (owner.on_task_end_) owner.on_task_end_();
        if (--owner.size_ > 0 || owner.joiner_ == nullptr) return std::noop_coroutine();
        return std::exchange(owner.joiner_, nullptr)->finish();
      }
      void await_resume() noexcept {}
    };
    FinalAwaiter final_suspend() noexcept { return {}; }

    Scope* scope = nullptr;
    detail::TaskRecord record;
    TaskContext* task() { return &record.context; }
  };

  std::coroutine_handle<promise_type> handle;
};

Scope::Root Scope::run(Task<> task) {
  co_await std::move(task);
}

Scope::~Scope() {
  if (size_ != 0) abort();
}

void Scope::spawn(Task<> task) {
  const Root root = run(std::move(task));
  root.handle.promise().enter(*this);
  root.handle.resume();
}

void Scope::cancel() {
  // Cancelling resumes nothing in this turn of the loop, so the list stays as it is while we walk it.
  for (auto* record = first_; record != nullptr; record = record->next) record->context.cancel();
}

}  // namespace weir::aio
