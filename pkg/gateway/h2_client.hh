// A client that speaks HTTP/2: one stream of its connection.
#pragma once

#include "pkg/gateway/client_side.hh"
#include "pkg/http/h2_server.hh"

namespace weir::gateway {

class H2Client final : public ClientSide {
 public:
  H2Client(http::H2ServerStreamPtr stream, std::string_view scheme)
      : stream_(std::move(stream)), scheme_(scheme) {}

  std::optional<http::Refusal> read_head(http::RequestHead& out) override;
  http::BodySource& body() override { return stream_->body(); }
  std::string_view scheme() const override { return scheme_; }
  std::string_view protocol() const override { return "HTTP/2"; }
  void begin_head(std::string&, int status, std::string_view) override { status_ = status; }
  void end_head(std::string&, Ending) override {}  // frames tell it
  bool marks_end() const override { return true; }
  aio::Task<Result<>> send_interim(std::string_view head, aio::Deadline deadline) override;
  aio::Task<Result<>> send(Outgoing out, aio::Deadline deadline) override;
  void abort() override { stream_->reset(http::H2Code::kInternalError); }
  void watch(aio::TaskContext* task) override { stream_->watch(task); }
  uint64_t bytes_in() const override { return stream_->bytes_in(); }
  uint64_t bytes_out() const override { return stream_->bytes_out(); }
  aio::Stream* stream() override { return nullptr; }

 private:
  http::H2ServerStreamPtr stream_;
  std::string_view scheme_;
  int status_ = 0;  // of a head that is still to be sent
};

}  // namespace weir::gateway
