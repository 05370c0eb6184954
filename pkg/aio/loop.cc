#include "pkg/aio/loop.hh"

#include <uv.h>

#include <csignal>
#include <cstdlib>
#include <mutex>
#include <vector>

namespace weir::aio {

std::string libuv_version() {
  return uv_version_string();
}

struct Loop::Handles {
  uv_timer_t timer;
  uv_idle_t idle;    // before the poll, which doesn't wait while this is active
  uv_check_t check;  // behind the poll
  uv_async_t async;
  std::mutex mutex;
  std::vector<std::function<void()>> posted;  // guarded by mutex

  std::vector<std::function<void()>> take_posted() {
    const std::lock_guard lock(mutex);
    return std::exchange(posted, {});
  }
};

void Loop::CloseLoop::operator()(uv_loop_s* loop) const {
  uv_run(loop, UV_RUN_DEFAULT);  // close callbacks of the last handles
  if (uv_loop_close(loop) != 0) abort();
  delete loop;
}

Loop::Loop() : uv_(new uv_loop_s), handles_(new Handles) {
  // libuv fails here only where the kernel gives no epoll or event descriptor: nothing can run then.
  if (uv_loop_init(uv_.get()) != 0) abort();
  uv_->data = this;
  signal(SIGPIPE, SIG_IGN);  // a peer that left is an error value of the write
  wheel_ = std::make_unique<TimerWheel>(uv_now(uv_.get()));
  uv_timer_init(uv_.get(), &handles_->timer);
  uv_idle_init(uv_.get(), &handles_->idle);
  uv_check_init(uv_.get(), &handles_->check);
  const auto on_async = [](uv_async_t* handle) {
    for (const auto& function : static_cast<Loop*>(handle->data)->handles_->take_posted()) function();
  };
  if (uv_async_init(uv_.get(), &handles_->async, on_async) != 0) abort();
  handles_->timer.data = this;
  handles_->idle.data = this;
  handles_->check.data = this;
  handles_->async.data = this;
}

Loop::~Loop() {
  close_handles();
  uv_close(reinterpret_cast<uv_handle_t*>(&handles_->timer), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&handles_->idle), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&handles_->check), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&handles_->async), nullptr);
  uv_.reset();
}

Loop& Loop::of(const uv_loop_s* uv) {
  return *static_cast<Loop*>(uv->data);
}

void Loop::run() {
  uv_run(uv_.get(), UV_RUN_DEFAULT);
}

void Loop::stop() {
  uv_stop(uv_.get());
}

void Loop::post(std::function<void()> function) {
  {
    const std::lock_guard lock(handles_->mutex);
    handles_->posted.push_back(std::move(function));
  }
  uv_async_send(&handles_->async);
}

uint64_t Loop::now_tick() const {
  return uv_now(uv_.get());
}

MonotonicTime Loop::turn_began() const {
  return MonotonicTime(std::chrono::milliseconds(now_tick()));
}

Deadline Loop::in(Duration after) const {
  if (after == Duration::max()) return Deadline::never();
  const auto millis = std::chrono::ceil<std::chrono::milliseconds>(after).count();
  return Deadline::at(now_tick() + static_cast<uint64_t>(millis > 0 ? millis : 0));
}

void Loop::arm(Timer& timer, Deadline deadline) {
  wheel_->arm(timer, deadline.tick());
  // Nearly every deadline is later than the wake that stands already; only an earlier one costs a libuv call.
  if (deadline.tick() < wake_tick_) schedule_wheel();
}

void Loop::schedule_wheel() {
  const uint64_t now = now_tick();
  wake_tick_ = wheel_->next_tick();
  if (wake_tick_ == TimerWheel::kNoTick) return;
  const auto on_wake = [](uv_timer_t* handle) {
    auto& loop = *static_cast<Loop*>(handle->data);
    loop.wake_tick_ = 0;  // timers armed by those that fire need not schedule: it is done below
    loop.wheel_->advance(loop.now_tick());
    loop.schedule_wheel();
  };
  uv_timer_start(&handles_->timer, on_wake, wake_tick_ > now ? wake_tick_ - now : 0, 0);
}

void Loop::defer(std::coroutine_handle<> handle) {
  ready_.push_back(handle);
  if (!runs_ready_) expect_ready();
}

void Loop::defer_to_next_turn(std::coroutine_handle<> handle) {
  next_turn_.push_back(handle);
  if (!runs_ready_) expect_ready();
}

void Loop::close_behind_poll(uv_handle_s* handle, void (*on_closed)(uv_handle_s*)) {
  to_close_.push_back({handle, on_closed});
  if (!runs_ready_) expect_ready();
}

void Loop::close_handles() {
  for (const ToClose& one : to_close_) uv_close(one.handle, one.on_closed);
  to_close_.clear();
}

void Loop::expect_ready() {
  uv_idle_start(&handles_->idle, [](uv_idle_t* idle) {
    auto& loop = *static_cast<Loop*>(idle->data);
    loop.ready_.insert(loop.ready_.end(), loop.next_turn_.begin(), loop.next_turn_.end());
    loop.next_turn_.clear();
    loop.run_ready();
  });
  uv_check_start(&handles_->check, [](uv_check_t* check) { static_cast<Loop*>(check->data)->run_ready(); });
}

// What became ready in a poll goes on right behind it: without the check handle each wake of one task by
// another would cost a poll, a system call. What those wake in turn follows at once, for some rounds; then
// sockets and timers have their turn.
void Loop::run_ready() {
  constexpr int kMostRounds = 8;
  uv_idle_stop(&handles_->idle);
  uv_check_stop(&handles_->check);
  runs_ready_ = true;
  for (int round = 0; round < kMostRounds && !ready_.empty(); ++round) {
    std::swap(ready_, running_);
    for (const auto handle : running_) handle.resume();
    running_.clear();
  }
  close_handles();
  runs_ready_ = false;
  if (!ready_.empty() || !next_turn_.empty()) expect_ready();
}

}  // namespace weir::aio
