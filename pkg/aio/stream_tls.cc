// Streams that speak TLS: the handshake, which is a conversation over the plain stream, and from then on the
// engine between the socket and the stream's buffer.

#include "pkg/aio/stream_tls.hh"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace weir::aio {
namespace {

using Step = TlsStep;

constexpr const char* kHandshake = "TLS handshake";

Task<Result<>> shake_hands(Stream::State& state, TlsEngine& engine, Deadline deadline) {
  for (;;) {
    const size_t offered = state.end - state.begin;
    engine.input = offered > 0 ? std::string_view(state.buffer.data.get() + state.begin, offered) : "";
    const Step step = engine.handshake();
    if (offered > 0) state.consume(offered - engine.input.size());
    if (!engine.output.empty()) {
      const std::string_view records = engine.output.bytes();
      auto sent = co_await Stream::Write(state, {&records, 1}, deadline);
      engine.output.release(state.loop().buffers());
      // An alert that tells of our failure is a courtesy; the failure is what to report.
      if (!sent && step != Step::failed)
        co_return std::unexpected(std::move(sent.error()).context(kHandshake));
    }
    if (step == Step::done) co_return Result<>();
    if (step == Step::failed)
      co_return fail(Errc::refused, std::string(kHandshake) + ": " + engine.failure());
    if (step == Step::ended) co_return fail(Errc::closed, std::string(kHandshake) + ": ended by the peer");
    if (step == Step::wants_output) continue;
    auto received = co_await Stream::Read(state, deadline);
    if (!received) co_return std::unexpected(std::move(received.error()).context(kHandshake));
    if (*received == 0) {
      co_return fail(Errc::closed, std::string(kHandshake) + ": the peer closed the connection");
    }
  }
}

Task<Result<>> start(Stream::State& state, std::shared_ptr<const TlsContext> context, Deadline deadline,
                     TlsTarget target) {
  if (state.tls) co_return fail(Errc::internal, std::string(kHandshake) + ": the stream speaks TLS already");
  auto engine = TlsEngine::make(state.loop().buffers(), std::move(context), std::move(target));
  if (!engine) co_return std::unexpected(std::move(engine.error()).context(kHandshake));
  const uint64_t in = state.bytes_in - (state.end - state.begin);
  const uint64_t out = state.bytes_out;
  auto agreed = co_await shake_hands(state, **engine, deadline);
  state.bytes_in = in;
  state.bytes_out = out;
  if (agreed) state.begin_tls(std::move(*engine));
  co_return std::move(agreed);
}

}  // namespace

Task<Result<>> Stream::start_tls(std::shared_ptr<const TlsContext> context, Deadline deadline) {
  return start(*state_, std::move(context), deadline, {});
}

Task<Result<>> Stream::start_tls(std::shared_ptr<const TlsContext> context, Deadline deadline,
                                 TlsTarget target) {
  return start(*state_, std::move(context), deadline, std::move(target));
}

bool Stream::is_tls() const {
  return state_->tls != nullptr;
}

TlsInfo Stream::tls() const {
  return state_->tls->engine->info();
}

bool Stream::Tls::stop_waiting(const Write* write) {
  if (blocked_writer != write) return false;
  blocked_writer = nullptr;
  return true;
}

std::string_view Stream::Tls::held_bytes() const {
  return begin != end ? std::string_view(sealed.data.get() + begin, end - begin) : std::string_view();
}

void Stream::Tls::release_sealed(BufferPool& pool) {
  if (begin != end) return;
  begin = end = 0;
  pool.release(std::exchange(sealed, {}));
}

void Stream::Tls::release_buffers(BufferPool& pool) {
  begin = end;
  release_sealed(pool);
  engine->output.release(pool);
}

// What came behind the handshake stays as it is until someone reads.
void Stream::State::begin_tls(std::unique_ptr<TlsEngine> engine) {
  tls = std::make_unique<Tls>();
  tls->engine = std::move(engine);
  if (begin != end) {
    tls->begin = begin;
    tls->end = end;
    tls->sealed = std::exchange(buffer, {});
    begin = end = 0;
  }
  tls->was_cut = ended;
  if (tls->was_cut && !tls->has_held() && error == 0) error = UV_EOF;
}

bool Stream::State::can_take_sealed() const {
  return !tls || tls->begin == tls->end;
}

// Asks for less than a buffer: with the part of a record that OpenSSL has, the plaintext still finds room.
void Stream::State::alloc_sealed(uv_buf_t* out) {
  if (!tls->sealed) tls->sealed = loop().buffers().acquire();
  constexpr size_t kMost = Buffer::kCapacity - SSL3_RT_MAX_PLAIN_LENGTH;
  const size_t room = std::min(Buffer::kCapacity - tls->end, kMost);
  *out = uv_buf_init(tls->sealed.data.get() + tls->end, static_cast<unsigned>(room));
}

void Stream::State::on_sealed(ssize_t count) {
  if (count == 0) return tls->release_sealed(loop().buffers());  // EAGAIN
  if (count > 0) {
    tls->end += static_cast<uint32_t>(count);
  } else {
    if (count != UV_EOF) error = static_cast<int16_t>(count);
    tls->was_cut = true;
  }
  const size_t fresh = open_records();
  if (tls->was_cut) ended = true;
  if (auto* writer = std::exchange(tls->blocked_writer, nullptr)) writer->queue_sealed();
  if (fresh > 0 || ended) after_read(fresh);
  if (!closing && !ended && (room() == 0 || tls->end == Buffer::kCapacity)) {
    paused = true;
    uv_read_stop(&handle.stream);
  }
}

// Opens what was received, as far as there is room; the count of new bytes of plaintext.
size_t Stream::State::open_records() {
  TlsEngine& engine = *tls->engine;
  engine.input = tls->held_bytes();
  size_t fresh = 0;
  Step step = Step::done;
  while (step == Step::done && room() > 0) {
    if (!buffer) buffer = loop().buffers().acquire();
    size_t count = 0;
    step = engine.open({buffer.data.get() + end, room()}, count);
    // For OpenSSL to find that out it would take a read buffer first, and give it back: 1,300 instructions.
    if (step == Step::done && !engine.has_input()) step = Step::wants_input;
    end += static_cast<uint32_t>(count);
    fresh += count;
  }
  bytes_in += fresh;
  tls->is_full = step == Step::done;
  tls->begin = tls->end - static_cast<uint32_t>(engine.input.size());
  tls->release_sealed(loop().buffers());
  end_reading(step);
  send_output();
  release_if_empty();
  return fresh;
}

// What a step that opened no more says about the connection.
void Stream::State::end_reading(TlsStep step) {
  switch (step) {
    case Step::done:
      return;
    case Step::wants_input:
      if (!tls->was_cut) return;
      if (error == 0) error = UV_EOF;
      break;
    case Step::ended:
      error = 0;
      break;
    case Step::wants_output:  // the peer provokes answers that it does not take
    case Step::failed:
      error = UV_EPROTO;
      break;
  }
  ended = true;
  tls->begin = tls->end;
  tls->release_sealed(loop().buffers());
  uv_read_stop(&handle.stream);
}

size_t Stream::State::open_held() {
  if (!tls->has_held()) return 0;
  make_room();
  const size_t fresh = open_records();
  if (paused && !ended && room() > 0 && can_take_sealed()) start_reading();
  return fresh;
}

std::string Stream::State::words_for(int error_number) const {
  if (tls && error_number == UV_EOF) return "the peer closed the connection without ending TLS (truncated)";
  if (tls && error_number == UV_EPROTO) {
    const std::string& failure = tls->engine->failure();
    return "TLS: " + (failure.empty() ? "the peer provokes more than it takes" : failure);
  }
  return uv_strerror(error_number);
}

// Without waiting. An error of libuv's, UV_EAGAIN among them: then output is left.
int Stream::State::send_output() {
  TlsOutput& output = tls->engine->output;
  if (output.empty()) return 0;
  if (tls->is_sending) return UV_EAGAIN;
  const std::string_view bytes = output.bytes();
  const uv_buf_t part = uv_buf_init(const_cast<char*>(bytes.data()), static_cast<unsigned>(bytes.size()));
  const int sent = uv_try_write(&handle.stream, &part, 1);
  if (sent < 0) return sent;
  output.sent(static_cast<size_t>(sent), loop().buffers());
  return output.empty() ? 0 : UV_EAGAIN;
}

// The rest of the output, by libuv; nothing is taken from the output before `on_sent`.
int Stream::State::queue_output(void* data, void (*on_sent)(uv_write_t*, int)) {
  const std::string_view bytes = tls->engine->output.bytes();
  const uv_buf_t part = uv_buf_init(const_cast<char*>(bytes.data()), static_cast<unsigned>(bytes.size()));
  auto* request = new uv_write_t;
  request->data = data;
  const int result = uv_write(request, &handle.stream, &part, 1, on_sent);
  if (result == 0) {
    tls->is_sending = true;
  } else {
    delete request;
  }
  return result;
}

// Where it can be sent at once; there is nobody left to wait for it.
void Stream::State::send_close_notify() {
  if (error != 0) return;
  tls->engine->end();
  send_output();
}

Result<> Stream::State::finish_writing_tls() {
  if (tls->is_sending) return {};
  tls->engine->end();
  const int result = send_output();
  if (result == 0) return finish_sending();
  const auto on_sent = [](uv_write_t* request, int status) {
    auto& state = *static_cast<State*>(request->data);
    delete request;
    state.tls->is_sending = false;
    state.tls->engine->output.release(state.loop().buffers());
    // Nobody waits for this: a peer that is gone shows when the stream is read.
    if (status == 0) static_cast<void>(state.finish_sending());
  };
  const int error_number = result == UV_EAGAIN ? queue_output(this, on_sent) : result;
  if (error_number != 0) return fail_errno("finish writing", -error_number);
  return {};
}

bool Stream::Write::is_sealed() const {
  return std::ranges::all_of(std::span(parts_, count_), &std::string_view::empty);
}

// Seals what the output has room for. False: it failed.
bool Stream::Write::seal() {
  TlsEngine& engine = *state_.tls->engine;
  size_t count = 0;
  const Step step = engine.seal({parts_, count_}, count);
  state_.bytes_out += count;
  if (step == Step::failed) error_ = engine.failure().empty() ? UV_EPIPE : UV_EPROTO;
  if (step == Step::wants_input && state_.ended) error_ = UV_EPIPE;
  return error_ == 0;
}

bool Stream::Write::send_sealed() {
  if (!seal()) return true;
  const int result = state_.send_output();
  if (result == UV_EAGAIN) return false;
  error_ = result;
  return error_ != 0 || is_sealed();
}

// Goes on in turns of the loop: a long write leaves others their share.
void Stream::Write::queue_sealed() {
  TlsOutput& output = state_.tls->engine->output;
  if (output.empty() && !seal()) return resume_later();
  if (output.empty() && is_sealed()) return resume_later();
  if (output.empty()) {
    state_.tls->blocked_writer = this;
    return;
  }
  handed_ = output.end();
  const auto on_sent = [](uv_write_t* request, int status) {
    auto& write = *static_cast<Write*>(request->data);
    delete request;
    State& state = write.state_;
    state.tls->is_sending = false;
    state.tls->engine->output.sent_to(write.handed_, state.loop().buffers());
    write.error_ = status;
    if (status != 0 || (write.is_sealed() && state.tls->engine->output.empty())) return write.resume_now();
    write.queue_sealed();
  };
  error_ = state_.queue_output(this, on_sent);
  if (error_ != 0) resume_later();
}

}  // namespace weir::aio
