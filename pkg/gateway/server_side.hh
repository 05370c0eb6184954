// A server's side of one exchange: one attempt to get an answer from it, over one connection.
#pragma once

#include <string>

#include "pkg/gateway/side.hh"
#include "pkg/http/body_source.hh"
#include "pkg/http/head.hh"

namespace weir::gateway {

// How an attempt ended.
enum class Attempt {
  ok,          // so far; of a whole attempt: there is a response head
  unresolved,  // the server's name has no address yet
  connect_failed,
  connect_timed_out,
  refused,        // the server says that it has not begun with the request
  broke_off,      // closed before an answer
  timed_out,      // no answer in time
  bad_answer,     // not HTTP as we know it
  client_failed,  // the request's body was bad, late or cut off: no server's fault
};

class ServerSide {
 public:
  virtual ~ServerSide() = default;

  virtual aio::Task<Result<>> send(Outgoing out, aio::Deadline deadline) = 0;
  // Waits for the next head, an interim one perhaps. Its views live until release_head(). When there is none,
  // `reason` says why.
  virtual aio::Task<Attempt> await_head(http::Method request, http::ResponseHead& out, std::string& reason,
                                        aio::Deadline deadline) = 0;
  virtual void release_head() = 0;
  // Of the answer, once its head has been released.
  virtual http::BodySource& body() = 0;
};

}  // namespace weir::gateway
