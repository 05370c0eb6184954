// TlsEngine: one connection's TLS between two byte queues, without any I/O. Records that were received are
// offered as `input`, from where OpenSSL takes them in place; records to be sent gather in `output`.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "pkg/aio/buffer.hh"
#include "pkg/aio/openssl.hh"
#include "pkg/aio/tls.hh"

namespace weir::aio {

// Records on their way out; holds a pool's buffer only while there are any.
class TlsOutput {
 public:
  bool empty() const { return begin_ == end_; }
  std::string_view bytes() const { return {buffer_.data.get() + begin_, end_ - begin_}; }
  uint32_t end() const { return end_; }
  size_t room() const { return Buffer::kCapacity + Buffer::kSlack - end_; }
  void append(std::string_view bytes, BufferPool& pool);
  // All up to this place has been sent; before end() only to what bytes() showed.
  void sent_to(uint32_t end, BufferPool& pool);
  void sent(size_t count, BufferPool& pool) { sent_to(begin_ + static_cast<uint32_t>(count), pool); }
  void release(BufferPool& pool) { sent_to(end_, pool); }

 private:
  Buffer buffer_;
  uint32_t begin_ = 0;
  uint32_t end_ = 0;
};

enum class TlsStep {
  done,
  wants_input,
  wants_output,  // the output is full
  ended,         // the peer has said that it sends no more
  failed,        // failure() says why
};

class TlsEngine {
 public:
  using Step = TlsStep;

  static Result<std::unique_ptr<TlsEngine>> make(BufferPool& pool, std::shared_ptr<const TlsContext> context,
                                                 TlsTarget target);
  ~TlsEngine();
  TlsEngine(const TlsEngine&) = delete;
  TlsEngine& operator=(const TlsEngine&) = delete;

  std::string_view input;
  TlsOutput output;

  Step handshake();
  // Opens records into `to`, at most one a call; `count` bytes of plaintext.
  Step open(std::span<char> to, size_t& count);
  // Whether there is anything left that open() could look at.
  bool has_input() const;
  // Seals what the output has room for, and takes it from the parts. Done does not mean all of it.
  Step seal(std::span<std::string_view> parts, size_t& count);
  // Says that we send no more; once.
  void end();

  const std::string& failure() const { return failure_; }
  TlsInfo info() const;
  void keep_session(TlsSessions::Session session) { sessions_->keep(std::move(session)); }

 private:
  struct Bio;
  TlsEngine(BufferPool& pool, std::shared_ptr<const TlsContext> context)
      : pool_(pool), context_(std::move(context)) {}
  Result<> start(TlsTarget target);
  Result<> name_server(const std::string& name);
  Step step_of(int result);
  std::string words() const;
  std::string_view next_piece(std::span<std::string_view> parts, Buffer& gathered) const;

  BufferPool& pool_;
  std::shared_ptr<const TlsContext> context_;
  std::shared_ptr<TlsSessions> sessions_;
  std::unique_ptr<SSL, FreeWith<SSL_free>> ssl_;
  std::string failure_;
  bool has_ended_ = false;
};

}  // namespace weir::aio
