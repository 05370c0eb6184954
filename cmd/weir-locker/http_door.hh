// The door for anything that can curl: sessions and locks as resources, JSON in and out.
//
//   POST   /v1/sessions            begins a session           {"ttl": "15s", "host", "pid", "reason"}
//   GET    /v1/sessions[/ID]       what sessions there are
//   PUT    /v1/sessions/ID         keeps it alive
//   DELETE /v1/sessions/ID         ends it, and frees its locks
//   POST   /v1/locks[/NAME]        takes locks                {"session" | "ttl", "names", "mode", "permits",
//                                                              "wait", "again", "delay", "text", "reason"}
//   DELETE /v1/locks/NAME          gives one back             ?session=ID
//   GET    /v1/locks[/NAME]        who holds and who waits    ?wait=30s&after=REVISION  (long poll)
//   GET    /v1/events[/NAME]       what happens, as server-sent events
//   POST, DELETE, GET /v1/elections/NAME, GET /v1/leaders/NAME
//                                  the same lock as an election; its leaders as server-sent events
//
// Errors are application/problem+json.
#pragma once

#include "cmd/weir-locker/engine.hh"
#include "pkg/aio/stream.hh"
#include "pkg/http/server.hh"

namespace weir::locker {

struct HttpSettings {
  std::string token;  // empty: none is asked for
};

class HttpDoor {
 public:
  explicit HttpDoor(Engine& engine);

  // The settings that requests from now on are answered by.
  void set(HttpSettings settings) { settings_ = std::move(settings); }
  aio::Task<> serve(aio::Stream stream);
  // The daemon drains: ends the streams, which would go on for ever, and each connection with its request.
  void finish() { streams_.finish(); }

 private:
  aio::Task<http::ServerResponse> answer(const http::ServerRequest& request);

  Engine& engine_;
  HttpSettings settings_;
  http::OpenStreams streams_;
  http::Handler handler_;
};

}  // namespace weir::locker
