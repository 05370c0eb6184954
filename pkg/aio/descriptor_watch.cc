#include "pkg/aio/descriptor_watch.hh"

#include <uv.h>

#include <cstdlib>

namespace weir::aio {

struct DescriptorWatch::State {
  uv_poll_t handle;
  OnReady on_ready;
};

DescriptorWatch::DescriptorWatch(Loop& loop, int fd, OnReady on_ready)
    : state_(new State{{}, std::move(on_ready)}) {
  if (uv_poll_init(loop.uv(), &state_->handle, fd) != 0) abort();  // only for what cannot be polled: a file
  state_->handle.data = state_;
}

DescriptorWatch::~DescriptorWatch() {
  uv_close(reinterpret_cast<uv_handle_t*>(&state_->handle),
           [](uv_handle_t* handle) { delete static_cast<State*>(handle->data); });
}

void DescriptorWatch::set(bool readable, bool writable) {
  const int events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
  if (events == 0) {
    uv_poll_stop(&state_->handle);
    return;
  }
  const auto call = [](uv_poll_t* handle, int status, int ready) {
    const bool failed = status != 0;
    static_cast<State*>(handle->data)
        ->on_ready(failed || (ready & UV_READABLE) != 0, failed || (ready & UV_WRITABLE) != 0);
  };
  uv_poll_start(&state_->handle, events, call);
}

}  // namespace weir::aio
