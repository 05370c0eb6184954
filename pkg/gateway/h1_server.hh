// A server that speaks HTTP/1.1.
#pragma once

#include <optional>

#include "pkg/aio/stream.hh"
#include "pkg/gateway/body_reader.hh"
#include "pkg/gateway/server_side.hh"

namespace weir::gateway {

class H1Server final : public ServerSide {
 public:
  H1Server(aio::Stream stream, bool sends_chunks) : stream_(std::move(stream)), sends_chunks_(sends_chunks) {}

  aio::Task<Result<>> send(Outgoing out, aio::Deadline deadline) override;
  aio::Task<Attempt> await_head(http::Method request, http::ResponseHead& out, std::string& reason,
                                aio::Deadline deadline) override;
  void release_head() override;
  http::BodySource& body() override { return *body_; }

  aio::Stream& stream() { return stream_; }

 private:
  aio::Stream stream_;
  bool sends_chunks_;
  size_t head_size_ = 0;
  http::Framing framing_;
  std::optional<BodyReader> body_;
};

}  // namespace weir::gateway
