// A server that speaks HTTP/2: one stream of a connection that many requests share.
#pragma once

#include "pkg/gateway/server_side.hh"
#include "pkg/http/h2_client.hh"

namespace weir::gateway {

// What HTTP/1.1 says in a request's first line and its Host.
struct RequestTarget {
  std::string_view method;
  std::string_view scheme;
  std::string_view authority;
  std::string_view path;
};

class H2Server final : public ServerSide {
 public:
  H2Server(http::H2ClientStreamPtr stream, RequestTarget target)
      : stream_(std::move(stream)), target_(target) {}

  aio::Task<Result<>> send(Outgoing out, aio::Deadline deadline) override;
  aio::Task<Attempt> await_head(http::Method request, http::ResponseHead& out, std::string& reason,
                                aio::Deadline deadline) override;
  void release_head() override {}  // it lives as long as the stream
  http::BodySource& body() override { return stream_->body(); }

 private:
  http::H2ClientStreamPtr stream_;
  RequestTarget target_;  // until it has been sent
};

}  // namespace weir::gateway
