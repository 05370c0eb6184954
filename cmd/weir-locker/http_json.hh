// Sessions, locks and what happens to them, as the HTTP door's JSON.
#pragma once

#include <string>

#include "cmd/weir-locker/engine.hh"
#include "pkg/http/server.hh"

namespace weir::locker {

std::string session_text(keyspace::LeaseId id);  // hexadecimal
// 0: not one.
keyspace::LeaseId parse_session(std::string_view text);

std::string session_json(const keyspace::Lease& lease, keyspace::Millis now);
// A lock that nobody claims has no holders and no waiters.
std::string lock_json(const Engine& engine, const std::string& name);
std::string happening_json(const Happening& happening);
std::string_view to_string(lock::Happening::Kind kind, Cause cause);

http::ServerResponse json_response(int status, std::string json);
http::ServerResponse problem(int status, std::string_view detail);
http::ServerResponse problem(const Error& error);

}  // namespace weir::locker
