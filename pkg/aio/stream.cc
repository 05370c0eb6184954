#include "pkg/aio/stream.hh"

#include <uv.h>

#include <algorithm>
#include <cstring>

#include "pkg/aio/stream_state.hh"
#include "pkg/aio/stream_tls.hh"

namespace weir::aio {

Stream::State::State(Loop& owner, bool is_unix) {
  if (is_unix) {
    uv_pipe_init(owner.uv(), &handle.pipe, 0);
  } else {
    uv_tcp_init(owner.uv(), &handle.tcp);
  }
  handle.stream.data = this;
}

Stream::State::State(Loop& owner, int family) {
  // Where no socket is to be had, connecting tries again and says why.
  if (uv_tcp_init_ex(owner.uv(), &handle.tcp, static_cast<unsigned>(family)) != 0)
    uv_tcp_init(owner.uv(), &handle.tcp);
  handle.stream.data = this;
}

Stream::State::~State() = default;

void Stream::State::consume(size_t count) {
  begin += static_cast<uint32_t>(count);
  if (begin == end) begin = end = pinned;
  if (paused && !closing && room() > 0 && can_take_sealed()) start_reading();
}

// Moves the bytes down; nobody looks at them now.
void Stream::State::make_room() {
  if (room() > 0 || begin == pinned) return;
  const uint32_t size = end - begin;
  memmove(buffer.data.get() + pinned, buffer.data.get() + begin, size);
  begin = pinned;
  end = pinned + size;
}

void Stream::State::start_reading() {
  paused = held;
  if (held) return;
  uv_read_start(&handle.stream, on_alloc, on_read);
}

void Stream::State::on_alloc(uv_handle_t* uv_handle, size_t, uv_buf_t* out) {
  auto& state = *static_cast<State*>(uv_handle->data);
  *out = uv_buf_init(nullptr, 0);
  if (state.closing) return;
  if (state.tls) return state.alloc_sealed(out);
  if (!state.buffer) state.buffer = state.loop().buffers().acquire();
  *out = uv_buf_init(state.buffer.data.get() + state.end, static_cast<unsigned>(state.room()));
}

void Stream::State::on_read(uv_stream_t* uv_stream, ssize_t count, const uv_buf_t*) {
  auto& state = *static_cast<State*>(uv_stream->data);
  if (state.closing) return;  // it has no buffer then: see on_alloc()
  if (state.tls) return state.on_sealed(count);
  if (count == 0) return;  // EAGAIN
  if (count > 0) {
    state.end += static_cast<uint32_t>(count);
    state.bytes_in += static_cast<uint64_t>(count);
  } else {
    if (count != UV_EOF) state.error = static_cast<int16_t>(count);
    state.ended = true;
    uv_read_stop(&state.handle.stream);
    state.release_if_empty();
  }
  state.after_read(count > 0 ? static_cast<size_t>(count) : 0);
}

// `fresh` bytes were added to the buffer, or reading has ended.
void Stream::State::after_read(size_t fresh) {
  if (reader != nullptr) {
    resume_reader(fresh);
  } else if (ended && peer_watcher != nullptr) {
    std::exchange(peer_watcher, nullptr)->cancel();
  }
  // The reader went on within the call above and mostly has emptied the buffer; it may have closed us too.
  // Who waits for nothing now, such as a server's idle connection, would keep it, and the next would read
  // into one that the processor's cache has forgotten.
  if (closing) return;
  release_if_empty();
  pause_if_full();
}

void Stream::State::pause_if_full() {
  if (ended || room() > 0) return;
  paused = true;
  uv_read_stop(&handle.stream);
}

void Stream::State::receive_now() {
  if (tls || closing || ended || paused || room() == 0) return;
  if (!buffer) buffer = loop().buffers().acquire();
  uv_os_fd_t fd = -1;
  uv_fileno(reinterpret_cast<const uv_handle_t*>(&handle.stream), &fd);
  const ssize_t count = recv(fd, buffer.data.get() + end, room(), MSG_DONTWAIT);
  if (count > 0) {
    end += static_cast<uint32_t>(count);
    bytes_in += static_cast<uint64_t>(count);
    pause_if_full();
  } else if (count == 0) {
    ended = true;
    uv_read_stop(&handle.stream);
  }
  release_if_empty();
}

void Stream::State::resume_reader(size_t count) {
  Read* operation = std::exchange(reader, nullptr);
  operation->received_ = static_cast<uint32_t>(count);
  operation->resume_now();
}

void Stream::State::release_if_empty() {
  if (!buffer || begin != end || pinned != 0) return;
  loop().buffers().release(std::move(buffer));
  begin = end = 0;
}

void Stream::State::close() {
  if (closing) return;
  closing = true;
  loop().close_behind_poll(reinterpret_cast<uv_handle_t*>(&handle.stream),
                           [](uv_handle_t* uv_handle) { static_cast<State*>(uv_handle->data)->on_closed(); });
}

void Stream::State::on_closed() {
  loop().buffers().release(std::move(buffer));
  if (tls) tls->release_buffers(loop().buffers());
  closed = true;
  if (abandoned) delete this;
}

void Stream::close() {
  State* state = std::exchange(state_, nullptr);
  if (state == nullptr) return;
  state->abandoned = true;
  if (state->tls && !state->closing) state->send_close_notify();
  if (state->closed) {
    delete state;
  } else {
    state->close();
  }
}

std::span<char> Stream::buffered() const {
  if (!state_->buffer) return {};
  return {state_->buffer.data.get() + state_->begin, state_->end - state_->begin};
}

void Stream::consume(size_t count) {
  state_->consume(count);
}

void Stream::pin(size_t count) {
  state_->begin += static_cast<uint32_t>(count);
  state_->pinned = state_->begin;
}

void Stream::unpin() {
  state_->pinned = 0;
  consume(0);
}

bool Stream::has_room() const {
  return state_->end - state_->begin + state_->pinned < Buffer::kCapacity;
}

Stream::More Stream::more(Deadline deadline) {
  return More(*state_, deadline);
}

void Stream::receive_now() {
  state_->receive_now();
}

Stream::Read Stream::read_more(Deadline deadline) {
  return Read(*state_, deadline);
}

bool Stream::Read::await_ready() {
  if (state_.closing) return true;
  if (state_.tls) received_ = static_cast<uint32_t>(state_.open_held());
  if (received_ > 0 || state_.ended) return true;
  state_.make_room();
  return state_.room() == 0;
}

void Stream::Read::attach() {
  state_.reader = this;
  state_.release_if_empty();
  if (state_.paused) state_.start_reading();
}

void Stream::Read::on_interrupt() {
  state_.reader = nullptr;
  resume_later();
}

Result<size_t> Stream::Read::await_resume() {
  if (outcome() != Outcome::ok) return std::unexpected(to_result(outcome(), "reading").error());
  if (received_ > 0) return received_;
  if (state_.error != 0) return fail(Errc::closed, "reading: " + state_.words_for(state_.error));
  if (state_.closing) return fail(Errc::closed, "reading: the stream is closed");
  if (state_.ended) return 0;
  return fail(Errc::limit, "reading: the receive buffer is full");
}

Stream::Write::Write(State& state, std::span<const std::string_view> parts, Deadline deadline)
    : state_(state), deadline_(deadline), count_(static_cast<uint32_t>(parts.size())) {
  std::ranges::copy(parts, parts_);
}

Stream::Write Stream::write(std::string_view bytes, Deadline deadline) {
  return Write(*state_, {&bytes, 1}, deadline);
}

Stream::Write Stream::write(std::span<const std::string_view> parts, Deadline deadline) {
  return Write(*state_, parts, deadline);
}

namespace {

unsigned to_uv(std::span<const std::string_view> parts, uv_buf_t* out) {
  unsigned count = 0;
  for (const std::string_view part : parts) {
    if (!part.empty())
      out[count++] = uv_buf_init(const_cast<char*>(part.data()), static_cast<unsigned>(part.size()));
  }
  return count;
}

}  // namespace

// uv_write() alone would first change the epoll set; nearly always the kernel takes all at once.
bool Stream::Write::await_ready() {
  if (state_.closing) {
    error_ = UV_EPIPE;
    return true;
  }
  if (state_.tls) return send_sealed();
  uv_buf_t buffers[kMostParts];
  const unsigned count = to_uv({parts_, count_}, buffers);
  if (count == 0) return true;
  const int sent = uv_try_write(&state_.handle.stream, buffers, count);
  if (sent < 0) {
    if (sent == UV_EAGAIN) return false;
    error_ = sent;
    return true;
  }
  state_.bytes_out += static_cast<uint64_t>(sent);
  size_t done = static_cast<size_t>(sent);
  bool all = true;
  for (std::string_view& part : std::span(parts_, count_)) {
    const size_t taken = std::min(done, part.size());
    part.remove_prefix(taken);
    done -= taken;
    all = all && part.empty();
  }
  return all;
}

void Stream::Write::send_rest() {
  if (state_.tls) return queue_sealed();
  uv_buf_t buffers[kMostParts];
  const unsigned count = to_uv({parts_, count_}, buffers);
  auto* request = new uv_write_t;  // only here: idle connections need not carry its 192 bytes
  request->data = this;
  const auto on_written = [](uv_write_t* done, int status) {
    auto& write = *static_cast<Write*>(done->data);
    delete done;
    write.error_ = status;
    if (status == 0) {
      for (const std::string_view part : write.parts_) write.state_.bytes_out += part.size();
    }
    write.resume_now();
  };
  const int error = uv_write(request, &state_.handle.stream, buffers, count, on_written);
  if (error != 0) {
    delete request;
    error_ = error;
    resume_later();
  }
}

// The kernel may hold part of what was given; only closing takes it back, and libuv then calls on_written.
void Stream::Write::on_interrupt() {
  if (state_.tls && state_.tls->stop_waiting(this)) resume_later();
  state_.close();
}

Result<> Stream::Write::await_resume() {
  if (outcome() != Outcome::ok) return to_result(outcome(), "writing");
  if (error_ != 0) return fail(Errc::closed, "writing: " + state_.words_for(error_));
  return {};
}

Result<> Stream::finish_writing() {
  return state_->tls ? state_->finish_writing_tls() : state_->finish_sending();
}

Result<> Stream::State::finish_sending() {
  uv_os_fd_t fd = -1;
  uv_fileno(reinterpret_cast<const uv_handle_t*>(&handle.stream), &fd);
  // Direct, for uv_shutdown would want a request and a callback: every write of ours has ended before.
  if (::shutdown(fd, SHUT_WR) != 0) return fail_errno("finish writing", errno);
  return {};
}

bool Stream::peer_left() const {
  return state_->ended;
}

bool Stream::peer_finished() const {
  return state_->ended && state_->error == 0;
}

void Stream::cancel_when_peer_leaves(TaskContext* task) {
  state_->peer_watcher = task;
  if (task != nullptr && state_->ended) {
    state_->peer_watcher = nullptr;
    task->cancel();
  }
}

uint64_t Stream::bytes_in() const {
  return state_->bytes_in;
}

uint64_t Stream::bytes_out() const {
  return state_->bytes_out;
}

Result<Address> Stream::peer_address() const {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  if (getpeername(descriptor(), address, &size) != 0) return fail_errno("peer address", errno);
  return Address::from_sockaddr(address);
}

bool Stream::is_raw() const {
  return !is_tls();
}

void Stream::hold_reading() {
  state_->held = true;
  state_->paused = true;
  uv_read_stop(&state_->handle.stream);
  state_->release_if_empty();
}

void Stream::resume_reading() {
  if (!state_->held) return;
  state_->held = false;
  if (state_->ended || state_->closing) return;
  if (state_->room() > 0) state_->start_reading();
}

void Stream::count_moved(uint64_t in, uint64_t out) {
  state_->bytes_in += in;
  state_->bytes_out += out;
}

int Stream::descriptor() const {
  uv_os_fd_t fd = -1;
  uv_fileno(reinterpret_cast<const uv_handle_t*>(&state_->handle.stream), &fd);
  return fd;
}

}  // namespace weir::aio
