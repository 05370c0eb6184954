// Task<T>: a lazy coroutine. It starts when it is awaited (or spawned in a Scope), runs on its loop's thread,
// and is owned by whoever awaits it. A task that ends hands control straight to its awaiter (symmetric
// transfer), so a chain of tasks costs no trip through the event loop.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "pkg/aio/frame_pool.hh"

namespace weir::aio {

class Loop;
class Operation;

// What all coroutines of one spawned task share: where it runs, and what it waits for at the moment.
struct TaskContext {
  Loop* loop = nullptr;
  bool cancelled = false;
  Operation* waiting = nullptr;

  // Ends the present wait, and every later one, with Errc::cancelled. Once is enough; it cannot be undone.
  void cancel();
};

namespace detail {

struct PromiseBase : PooledFrame {
  std::coroutine_handle<> continuation;
  TaskContext* context = nullptr;
  TaskContext* task() { return context; }

  std::suspend_always initial_suspend() noexcept { return {}; }
  // An exception that reaches here is a bug: errors are values, and libraries' are caught at their seam.
  [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }

  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> finished) noexcept {
      return finished.promise().continuation;
    }
    void await_resume() noexcept {}
  };
  FinalAwaiter final_suspend() noexcept { return {}; }
};

template <typename T>
struct Promise : PromiseBase {
  std::optional<T> value;
  template <typename U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() { return std::move(*value); }
};

template <>
struct Promise<void> : PromiseBase {
  void return_void() noexcept {}
  void take() noexcept {}
};

}  // namespace detail

template <typename T = void>
class [[nodiscard]] Task {
 public:
  struct promise_type : detail::Promise<T> {
    Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
  };

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  // `co_await task`: runs it to its end. A task is its own awaiter, since each await's takes place in a
  // frame.
  bool await_ready() noexcept { return false; }
  template <typename Parent>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Parent> parent) noexcept {
    handle_.promise().context = parent.promise().task();
    handle_.promise().continuation = parent;
    return handle_;
  }
  T await_resume() { return handle_.promise().take(); }

 private:
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

// `TaskContext& me = co_await this_task();` The context lives as long as the spawned task.
struct ThisTask {
  TaskContext* context = nullptr;
  bool await_ready() noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) noexcept {
    context = handle.promise().context;
    return false;
  }
  TaskContext& await_resume() noexcept { return *context; }
};
inline ThisTask this_task() {
  return {};
}

}  // namespace weir::aio
