#include "pkg/aio/readiness.hh"

#include <fcntl.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>

#include "pkg/aio/socket.hh"

namespace weir::aio {

struct Readiness::State {
  uv_poll_t handle;
  Descriptor fd;
  int events;
  bool active = false;
  Wait* waiter = nullptr;

  void start() {
    if (std::exchange(active, true)) return;
    uv_poll_start(&handle, events, on_event);
  }

  // Starting and stopping cost a change of the epoll set each, so polling goes on from one wait to the next
  // and ends when an event finds nobody waiting.
  static void on_event(uv_poll_t* poll, int status, int) {
    auto& state = *static_cast<State*>(poll->data);
    if (status != 0) state.active = false;  // libuv has stopped it: the socket has an error to report
    if (Wait* found = std::exchange(state.waiter, nullptr)) return found->resume_now();
    state.active = false;
    uv_poll_stop(poll);
  }
};

Result<Readiness> Readiness::watch(Loop& loop, int fd, For what) {
  Descriptor copy(fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy.is_open()) return fail_errno("duplicate a socket", errno);
  auto* state = new State{};
  state->events = what == For::reading ? UV_READABLE : UV_WRITABLE;
  state->handle.data = state;
  if (const int error = uv_poll_init(loop.uv(), &state->handle, copy.get()); error != 0) {
    delete state;
    return fail_errno("watch a socket", -error);
  }
  state->fd = std::move(copy);
  return Readiness(state);
}

void Readiness::close() {
  State* state = std::exchange(state_, nullptr);
  if (state == nullptr) return;
  uv_close(reinterpret_cast<uv_handle_t*>(&state->handle),
           [](uv_handle_t* handle) { delete static_cast<State*>(handle->data); });
  state->fd = Descriptor();
}

Readiness::Wait Readiness::wait(Deadline deadline) {
  return Wait(*state_, deadline);
}

void Readiness::Wait::attach() {
  state_.waiter = this;
  state_.start();
}

void Readiness::Wait::on_interrupt() {
  state_.waiter = nullptr;
  resume_later();
}

}  // namespace weir::aio
