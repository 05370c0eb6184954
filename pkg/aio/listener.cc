#include "pkg/aio/listener.hh"

#include <sys/socket.h>
#include <uv.h>

#include "pkg/aio/stream_state.hh"

namespace weir::aio {

struct Listener::State {
  Loop& loop;
  OnConnection on_connection;
  bool is_unix;
  union {
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } handle;
};

namespace {

void accept_one(uv_stream_t* server, int status) {
  // A connection that was reset while it waited, or a table of descriptors that is full: libuv goes on.
  if (status != 0) return;
  auto& listener = *static_cast<Listener::State*>(server->data);
  auto* state = new Stream::State(listener.loop, listener.is_unix);
  Stream stream(state);
  if (uv_accept(server, &state->handle.stream) != 0) return;
  state->start_reading();
  listener.on_connection(std::move(stream));
}

}  // namespace

Result<Listener> Listener::start(Loop& loop, Descriptor socket, OnConnection on_connection) {
  const auto address = local_address(socket.get());
  if (!address) return std::unexpected(address.error());
  const bool is_unix = address->kind == Address::Kind::unix_path;
  auto* state = new State{loop, std::move(on_connection), is_unix, {}};
  int error = 0;
  if (is_unix) {
    uv_pipe_init(loop.uv(), &state->handle.pipe, 0);
    error = uv_pipe_open(&state->handle.pipe, socket.get());
  } else {
    uv_tcp_init(loop.uv(), &state->handle.tcp);
    error = uv_tcp_open(&state->handle.tcp, socket.get());
  }
  state->handle.stream.data = state;
  Listener listener(state);
  if (error == 0) {
    socket.release();  // libuv owns it now
    error = uv_listen(&state->handle.stream, 4096, accept_one);
  }
  if (error != 0) return fail(Errc::internal, std::string("listen: ") + uv_strerror(error));
  return listener;
}

Listener::~Listener() {
  if (state_ == nullptr) return;
  uv_close(reinterpret_cast<uv_handle_t*>(&state_->handle.stream),
           [](uv_handle_t* handle) { delete static_cast<State*>(handle->data); });
}

Task<> Listener::drain() {
  Loop& loop = state_->loop;
  uv_os_fd_t fd = -1;
  uv_fileno(reinterpret_cast<const uv_handle_t*>(&state_->handle.stream), &fd);
  refuse_new_connections(fd);
  // A handshake whose SYN had come before the filter needs a round trip to finish.
  const Deadline end = loop.in(std::chrono::seconds(1));
  for (int quiet = 0; quiet < 5 && loop.in(Duration{0}) < end;) {
    const auto slept = co_await sleep_until(loop.in(std::chrono::milliseconds(20)));
    if (!slept) break;
    quiet = accept_queue_length(fd) == 0 ? quiet + 1 : 0;
  }
  const Listener closed(std::exchange(state_, nullptr));
}

}  // namespace weir::aio
