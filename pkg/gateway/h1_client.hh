// A client that speaks HTTP/1.1.
#pragma once

#include "pkg/gateway/body_reader.hh"
#include "pkg/gateway/client_side.hh"

namespace weir::gateway {

class H1Client final : public ClientSide {
 public:
  // `head_size`: of the head that `stream` has buffered; 0 where what came is no head. When this ends the
  // stream stands behind the request.
  H1Client(aio::Stream& stream, size_t head_size);
  ~H1Client() override;

  std::optional<http::Refusal> read_head(http::RequestHead& out) override;
  http::BodySource& body() override { return *body_; }
  std::string_view scheme() const override { return stream_.is_tls() ? "https" : "http"; }
  std::string_view protocol() const override { return is_http_1_0_ ? "HTTP/1.0" : "HTTP/1.1"; }
  void begin_head(std::string& out, int status, std::string_view reason) override;
  void end_head(std::string& out, Ending ending) override;
  bool marks_end() const override { return !is_http_1_0_; }
  aio::Task<Result<>> send_interim(std::string_view head, aio::Deadline deadline) override;
  aio::Task<Result<>> send(Outgoing out, aio::Deadline deadline) override;
  void abort() override {}  // the connection closes too early
  void watch(aio::TaskContext* task) override { stream_.cancel_when_peer_leaves(task); }
  uint64_t bytes_in() const override;
  uint64_t bytes_out() const override;
  aio::Stream* stream() override { return &stream_; }

 private:
  aio::Stream& stream_;
  size_t head_size_;
  uint64_t bytes_in_before_;
  uint64_t bytes_out_before_;
  std::optional<BodyReader> body_;
  bool is_http_1_0_ = false;
  bool writes_chunks_ = false;
};

}  // namespace weir::gateway
