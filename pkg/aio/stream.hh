// Stream: a connected TCP or Unix socket. It receives into a buffer of its own, which the reader looks at in
// place (buffered()) and takes from (consume()); it sends what it is given, at once where the kernel takes
// it.
//
// Reading stays on between reads, so that a request costs no change of the epoll set and the peer's leaving
// is noticed; when the buffer is full the stream stops reading, which is the back-pressure the peer sees.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "pkg/aio/operation.hh"
#include "pkg/base/address.hh"

namespace weir::aio {

class TlsContext;
class TlsEngine;
struct TlsInfo;
struct TlsTarget;

class Stream {
 public:
  class Read;
  class More;
  class Write;
  struct State;  // the libuv handle; lives until libuv has let go of it
  struct Tls;

  Stream() = default;
  explicit Stream(State* state) : state_(state) {}
  Stream(Stream&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  Stream& operator=(Stream&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Stream() { close(); }  // no operation may be under way

  bool is_open() const { return state_ != nullptr; }
  void close();  // the socket is closed behind the present poll of the loop

  // What was received and not yet consumed. Valid until consume() or read_more(): receiving itself never
  // moves bytes.
  std::span<char> buffered() const;
  std::string_view text() const { return {buffered().data(), buffered().size()}; }
  void consume(size_t count);
  // Keeps the first `count` buffered bytes where they are, outside of buffered(), until unpin(): a request's
  // head is read in place while its body passes through the rest of the buffer.
  void pin(size_t count);
  void unpin();
  // Whether read_more() could ever bring more: false when pinned and buffered bytes fill the buffer.
  bool has_room() const;

  // Waits for more bytes than are buffered now. The count of new bytes; 0 when the peer has finished sending.
  // Errors: timed_out, cancelled, closed (reset by the peer), limit (no room).
  Read read_more(Deadline deadline);
  // The same for who asks only whether there is more: false at the end, and after an error of whatever kind.
  More more(Deadline deadline);

  // Takes what has come to a raw stream already, the end behind it among it, without waiting for the loop's
  // next turn. An error is for the next read.
  void receive_now();

  // Sends all of up to kMostParts parts, in one system call where the kernel takes them; they must stay valid
  // until the await ends. Errors: timed_out, cancelled, closed. After an error the stream can only be closed.
  static constexpr size_t kMostParts = 4;
  Write write(std::string_view bytes, Deadline deadline);
  Write write(std::span<const std::string_view> parts, Deadline deadline);

  // Shakes hands, as the server or as the client that `context` is (tls.hh). From then on all else here is
  // about the plaintext: what is read and written, counted and bounded. Bytes that are buffered already are
  // the beginning of the handshake. A connection that ends without TLS's own end (close_notify) was cut:
  // reading then fails with closed. Errors: timed_out, cancelled, closed, refused (the message says by whom
  // and why); after one the stream can only be closed.
  Task<Result<>> start_tls(std::shared_ptr<const TlsContext> context, Deadline deadline);
  Task<Result<>> start_tls(std::shared_ptr<const TlsContext> context, Deadline deadline, TlsTarget target);
  bool is_tls() const;
  // What was agreed on; of a TLS stream only. Points into the stream.
  TlsInfo tls() const;

  // Tells the peer that nothing more will be sent; reading goes on.
  Result<> finish_writing();

  // The peer has closed, reset or finished sending while nobody was reading.
  bool peer_left() const;
  // It has finished sending, and not by an error: nothing comes behind what is buffered.
  bool peer_finished() const;
  // While set, the peer's leaving cancels `task`; for work that is in vain without the peer. Null ends it.
  void cancel_when_peer_leaves(TaskContext* task);

  // Bytes received and sent so far, for the log.
  uint64_t bytes_in() const;
  uint64_t bytes_out() const;

  Result<Address> peer_address() const;  // of a TCP stream; a Unix peer is "unix:"
  int descriptor() const;

  // For who moves bytes past this class, with system calls on descriptor(). Only of a raw stream: one whose
  // descriptor carries the very bytes that its user sees.
  bool is_raw() const;
  // Receives nothing until resume_reading(); what is buffered can be taken meanwhile.
  void hold_reading();
  void resume_reading();
  void count_moved(uint64_t in, uint64_t out);

 private:
  State* state_ = nullptr;
};

class Stream::Read : public Operation {
 public:
  Read(State& state, Deadline deadline) : state_(state), deadline_(deadline) {}
  bool await_ready();
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    if (!start(handle, *handle.promise().context, deadline_)) return false;
    attach();
    return true;
  }
  Result<size_t> await_resume();

 protected:
  uint32_t received_ = 0;

 private:
  friend class Stream;
  friend struct State;
  void attach();
  void on_interrupt() override;

  State& state_;
  Deadline deadline_;
};

class Stream::More final : public Stream::Read {
 public:
  using Read::Read;
  bool await_resume() const { return outcome() == Outcome::ok && received_ > 0; }
};

class Stream::Write final : public Operation {
 public:
  Write(State& state, std::span<const std::string_view> parts, Deadline deadline);
  bool await_ready();
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    if (!start(handle, *handle.promise().context, deadline_)) return false;
    send_rest();
    return true;
  }
  Result<> await_resume();

 private:
  friend struct State;
  void send_rest();
  bool is_sealed() const;
  bool seal();
  bool send_sealed();
  void queue_sealed();
  void on_interrupt() override;

  State& state_;
  Deadline deadline_;
  std::string_view parts_[kMostParts];
  uint32_t count_;
  uint32_t handed_ = 0;  // of a TLS stream's records: where those end that libuv is sending
  int error_ = 0;        // libuv's, negative
};

}  // namespace weir::aio
