// One HTTP/2 stream, in what its two sides have in common: content that comes in, frames that go out, and how
// it ended. Its core moves it on; see h2_server.hh and h2_client.hh for what to call.
#pragma once

#include <optional>
#include <string>

#include "pkg/aio/frame_pool.hh"
#include "pkg/http/body_source.hh"
#include "pkg/http/h2_code.hh"
#include "pkg/http/h2_fields.hh"

namespace weir::http {

class H2Core;

// How a stream is over.
enum class H2End : uint8_t {
  open,      // it is not
  complete,  // the peer sent all it had to say
  refused,   // the peer did nothing with it (REFUSED_STREAM, GOAWAY): safe to try again elsewhere
  reset,     // by either side; see reset_code()
  lost,      // the connection ended
};

class H2Stream : public BodySource, public aio::detail::PooledFrame {
 public:
  H2Stream(const H2Stream&) = delete;
  H2Stream& operator=(const H2Stream&) = delete;
  // What is still under way is reset: whoever lets go of a stream wants nothing more of it.
  ~H2Stream() override;

  int32_t id() const { return id_; }  // 0: not begun
  H2End end() const { return end_; }
  uint32_t reset_code() const { return reset_code_; }
  // Why nothing more comes or goes, as an error: refused (safe to try again), closed (reset or lost).
  Error failure() const;

  // Ends the stream in both directions; `code` is one of H2Code. The slot it takes among the connection's
  // concurrent streams stays taken until this object is gone, for the work done for it is only over then.
  void reset(uint32_t code);
  // While set, the stream's end before its time, by the peer or with the connection, cancels `task`; for work
  // that is in vain without the peer. Null ends it.
  void watch(aio::TaskContext* task);

  // Bytes of this stream's frames so far, for the log.
  uint64_t bytes_in() const { return bytes_in_; }
  uint64_t bytes_out() const { return bytes_out_; }

  BodySource& body() { return *this; }
  Result<std::string_view> next_piece() override;
  void release() override;
  aio::Task<Result<size_t>> read_more(aio::Deadline deadline) override;
  bool is_done() const override { return remote_done_ && incoming_.empty(); }
  uint64_t content_bytes() const override { return content_bytes_; }
  const FieldList& trailers() const override { return trailers_; }

  // The wait of what is sent. co_await it at once: the sending has begun already.
  class [[nodiscard]] Send;

 protected:
  explicit H2Stream(H2Core& core);

  struct Content {
    std::string_view piece = {};
    bool last = false;
    std::string_view trailer_lines = {};
  };

  // A head's fields begin to come in; they are complete: the verdict on them.
  virtual void begin_head(H2FieldReader& fields) = 0;
  virtual H2Verdict take_head(H2FieldReader& fields, bool end_of_stream) = 0;
  // Nothing happens to the content before the next send: what `content` points to must stay until it is sent.
  void stage(const Content& content);
  Send finish_sending(aio::Deadline deadline);
  Send fail_sending(Error error);
  aio::Event::Wait await_input(aio::Deadline deadline);

  H2Core* core_;  // null: the connection is gone
  H2Arena arena_;
  bool remote_done_ = false;  // all was received
  bool local_done_ = false;   // all was sent
  bool head_done_ = false;    // what comes next are trailers

 private:
  friend class H2Core;

  void end_as(H2End how, uint32_t code);
  bool is_sent() const { return staged_.piece.empty() && !staged_.last; }

  bool is_closed_ = false;    // nothing need be said to end it
  bool occupies_ = true;      // a place among the concurrent streams
  H2Stream* next_ = nullptr;  // in the core's list
  H2Stream** link_ = nullptr;
  int32_t id_ = 0;
  H2End end_ = H2End::open;
  uint32_t reset_code_ = 0;
  uint64_t bytes_in_ = 0;
  uint64_t bytes_out_ = 0;

  std::string incoming_;  // received, not yet taken
  std::string piece_;     // taken, not yet released
  size_t fresh_ = 0;      // bytes received since the last look
  uint64_t content_bytes_ = 0;
  FieldList trailers_;
  aio::Event input_;

  Content staged_;
  Send* sender_ = nullptr;
  aio::TaskContext* watcher_ = nullptr;
};

// Errors: timed_out, cancelled, refused, closed; after one the stream can only be let go.
class H2Stream::Send final : public aio::Operation {
 public:
  Send(H2Stream& stream, aio::Deadline deadline) : stream_(stream), deadline_(deadline) {}
  Send(H2Stream& stream, Error error)
      : stream_(stream), deadline_(aio::Deadline::never()), error_(std::move(error)) {}

  bool await_ready() const;
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    if (!start(handle, *handle.promise().context, deadline_)) return false;
    stream_.sender_ = this;
    return true;
  }
  Result<> await_resume();

 private:
  friend class H2Stream;
  friend class H2Core;
  void on_interrupt() override;

  H2Stream& stream_;
  aio::Deadline deadline_;
  std::optional<Error> error_;
};

}  // namespace weir::http
