#include "pkg/aio/signal.hh"

#include <uv.h>

#include <cstdlib>

namespace weir::aio {

struct SignalWatch::State {
  uv_signal_t handle;
  std::function<void()> on_signal;
};

SignalWatch::SignalWatch(Loop& loop, int signal_number, std::function<void()> on_signal)
    : state_(new State{{}, std::move(on_signal)}) {
  state_->handle.data = state_;
  const auto call = [](uv_signal_t* handle, int) { static_cast<State*>(handle->data)->on_signal(); };
  const bool started = uv_signal_init(loop.uv(), &state_->handle) == 0 &&
                       uv_signal_start(&state_->handle, call, signal_number) == 0;
  if (!started) abort();  // only for a number that is no signal
}

SignalWatch::~SignalWatch() {
  uv_close(reinterpret_cast<uv_handle_t*>(&state_->handle),
           [](uv_handle_t* handle) { delete static_cast<State*>(handle->data); });
}

}  // namespace weir::aio
