// A small HTTP/1.1 server for endpoints: status pages, health checks, a daemon's API. Requests are whole
// before the handler sees them, answers whole before they are sent; both are bounded.
#pragma once

#include <functional>
#include <string>

#include "pkg/aio/stream.hh"
#include "pkg/http/head.hh"

namespace weir::http {

struct ServerRequest {
  const RequestHead& head;
  std::string_view path;  // normalised
  std::string_view body;
};

struct ServerResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::string fields;  // further lines, each with CRLF
};

struct ServerLimits {
  HeadLimits head;
  size_t body = 32 * 1024;  // at most what fits a receive buffer behind a head
  Duration request_timeout = std::chrono::seconds(10);
  Duration idle_timeout = std::chrono::seconds(60);
  Duration write_timeout = std::chrono::seconds(10);
};

using Handler = std::function<aio::Task<ServerResponse>(const ServerRequest&)>;

// Serves one connection until it ends. `handler` must outlive it.
aio::Task<> serve(aio::Loop& loop, aio::Stream stream, const Handler& handler, ServerLimits limits);

}  // namespace weir::http
