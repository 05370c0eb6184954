// What the HTTP door can be asked, a function for each collection of resources.
#pragma once

#include <string>

#include "cmd/weir-locker/http_json.hh"
#include "pkg/daemon/json_body.hh"

namespace weir::locker {

struct HttpCall {
  http::Method method;
  std::string collection;
  std::string name;
  std::string query;
  std::string body;
  aio::Stream& client;
};

aio::Task<http::ServerResponse> answer_sessions(Engine& engine, HttpCall call);
aio::Task<http::ServerResponse> answer_locks(Engine& engine, HttpCall call);
aio::Task<http::ServerResponse> answer_streams(Engine& engine, HttpCall call);

// What both begin with: a session of its own.
struct SessionWanted {
  keyspace::Millis ttl{15'000};
  lock::Holder holder;
};
SessionWanted read_session(daemon::JsonBody& body);
// Nothing where the member is absent or, which the body then knows, wrong.
std::optional<Duration> read_duration(daemon::JsonBody& body, std::string_view name);

http::ServerResponse to_http(const daemon::ApiResponse& response);
http::ServerResponse wrong_method(std::string_view allowed);

}  // namespace weir::locker
