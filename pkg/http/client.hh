// A small HTTP/1.1 client for utilities: one request at a time, whose answer is read whole, and bounded, or
// piece by piece for as long as the server sends. It keeps its connection from one request to the next.
#pragma once

#include <memory>
#include <string>

#include "pkg/aio/connect.hh"
#include "pkg/aio/tls.hh"
#include "pkg/http/chunked.hh"

namespace weir::http {

// Where a server is: "http://127.0.0.1:7420", "https://locks.internal", "unix:/run/weir/locker.sock".
struct Endpoint {
  Address address;   // a name is looked up for each connection
  std::string host;  // for the Host field
  bool is_tls = false;

  // Without a port, 80 or 443. Errors: invalid; a path is none of an endpoint's business.
  static Result<Endpoint> parse(std::string_view url);
  std::string to_string() const;
};

struct ClientSettings {
  Endpoint endpoint;
  std::string fields = {};                          // of every request: lines, each with CRLF
  std::shared_ptr<const aio::TlsContext> tls = {};  // needed where the endpoint has TLS
  size_t most_body = 16 << 20;
  Duration connect_timeout = std::chrono::seconds(5);
};

struct ClientRequest {
  Method method = Method::get;
  std::string target = "/";
  std::string content_type = {};  // empty: there is no body
  std::string body = {};
};

struct ClientAnswer {
  int status = 0;
  std::string content_type = {};
  std::string body = {};
};

class Client {
 public:
  Client(aio::Loop& loop, ClientSettings settings) : loop_(loop), settings_(std::move(settings)) {}

  // Errors: refused, not_found, closed, timed_out, cancelled, invalid (not HTTP), limit (a longer body). The
  // server may have done what was asked. A connection that the server closed while it was idle is opened
  // again, and an idempotent request is then sent once more.
  aio::Task<Result<ClientAnswer>> ask(ClientRequest request, aio::Deadline deadline);

  // The same without the body, which read() brings. Another request ends this one.
  aio::Task<Result<ClientAnswer>> begin(ClientRequest request, aio::Deadline deadline);
  // The next piece of content; empty at the end.
  aio::Task<Result<std::string>> read(aio::Deadline deadline);

  void close() { stream_.close(); }

 private:
  aio::Task<Result<>> open(aio::Deadline deadline);
  aio::Task<Result<>> connect(aio::Deadline deadline);
  aio::Task<Result<ClientAnswer>> exchange(const ClientRequest& request, aio::Deadline deadline);
  aio::Task<Result<ClientAnswer>> receive_head(Method asked, aio::Deadline deadline);
  Result<std::string> take_piece();
  std::string request_head(const ClientRequest& request) const;

  aio::Loop& loop_;
  ClientSettings settings_;
  aio::Stream stream_;
  bool was_idle_ = false;    // the connection has answered a request before
  bool has_answer_ = false;  // some of it has come
  bool keeps_alive_ = false;
  bool is_body_done_ = true;
  Framing framing_;
  uint64_t left_ = 0;  // of a body whose length is known
  ChunkedDecoder decoder_;
};

}  // namespace weir::http
