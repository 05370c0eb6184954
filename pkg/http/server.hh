// A small HTTP/1.1 server for endpoints: status pages, health checks, a daemon's API. Requests are whole
// before the handler sees them, and bounded. An answer is whole before it is sent, or it streams: a producer
// writes its body piece by piece, for as long as it wants and the client stays.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pkg/aio/idle_list.hh"
#include "pkg/aio/stream.hh"
#include "pkg/http/head.hh"

namespace weir::http {

struct ServerRequest {
  const RequestHead& head;
  std::string_view path;  // normalised
  std::string_view body;
  // For a handler that waits long: client.cancel_when_peer_leaves() its task.
  aio::Stream& client;
};

// Where a producer writes. A write ends when the kernel has taken the piece, so a producer is never further
// ahead of its client than the socket's send buffer.
class BodyWriter {
 public:
  virtual ~BodyWriter() = default;
  // Errors: closed, timed_out (the client did not take it within write_timeout), cancelled. After one, the
  // producer should return.
  virtual aio::Task<Result<>> write(std::string_view piece) = 0;
};
// `out` lives until the task ends. The task is cancelled when the client leaves.
using Producer = std::function<aio::Task<>(BodyWriter& out)>;

struct ServerResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body = {};
  std::string fields = {};  // further lines, each with CRLF
  Producer producer = {};   // instead of `body`; not called for HEAD
};

struct ServerLimits {
  HeadLimits head;
  size_t body = 32 * 1024;  // at most what fits a receive buffer behind a head
  Duration request_timeout = std::chrono::seconds(10);
  Duration idle_timeout = std::chrono::seconds(60);
  Duration write_timeout = std::chrono::seconds(10);
};

// The answers of one endpoint that stream at the moment, over all its connections.
class OpenStreams {
 public:
  explicit OpenStreams(size_t most) : most_(most) {}
  bool is_full() const { return tasks_.size() >= most_; }
  size_t count() const { return tasks_.size(); }
  // Ends all of them, with their connections.
  void cancel();
  // The same for all connections that wait for a request; the others end with the answer they are at.
  void finish();
  bool is_finishing() const { return is_finishing_; }
  aio::IdleList& idle() { return idle_; }

  // One stream's place.
  class Place {
   public:
    Place(OpenStreams& streams, aio::TaskContext& task);
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    OpenStreams& streams_;
    aio::TaskContext& task_;
  };

 private:
  const size_t most_;
  std::vector<aio::TaskContext*> tasks_;
  aio::IdleList idle_;
  bool is_finishing_ = false;
};

using Handler = std::function<aio::Task<ServerResponse>(const ServerRequest&)>;

// Serves one connection until it ends. `handler` and `streams` must outlive it. A stream beyond the most is
// answered with 503.
aio::Task<> serve(aio::Loop& loop, aio::Stream stream, const Handler& handler, OpenStreams& streams,
                  ServerLimits limits);

}  // namespace weir::http
