#include "pkg/gateway/h2_server.hh"

#include <utility>

namespace weir::gateway {

aio::Task<Result<>> H2Server::send(Outgoing out, aio::Deadline deadline) {
  const RequestTarget target = std::exchange(target_, {});
  const http::H2Request part{.method = target.method,
                             .scheme = target.scheme,
                             .authority = target.authority,
                             .path = target.path,
                             .lines = out.head,
                             .piece = out.piece,
                             .last = out.last,
                             .trailer_lines = out.trailers};
  auto sent = co_await stream_->send(part, deadline);
  co_return sent;
}

aio::Task<Attempt> H2Server::await_head(http::Method, http::ResponseHead& out, std::string& reason,
                                        aio::Deadline deadline) {
  const auto came = co_await stream_->await_head(out, deadline);
  if (came) co_return Attempt::ok;
  const Error& error = came.error();
  if (error.code != Errc::cancelled) reason = error.message;
  if (error.code == Errc::timed_out) co_return Attempt::timed_out;
  if (error.code == Errc::refused) co_return Attempt::refused;
  co_return error.code == Errc::invalid ? Attempt::bad_answer : Attempt::broke_off;
}

}  // namespace weir::gateway
