// The door for Redis clients.
#pragma once

#include "cmd/weir-locker/engine.hh"
#include "pkg/aio/stream.hh"

namespace weir::locker {

struct RespSettings {
  std::string password;
};

aio::Task<> serve_resp(Engine& engine, aio::Stream stream, const RespSettings& settings);

}  // namespace weir::locker
