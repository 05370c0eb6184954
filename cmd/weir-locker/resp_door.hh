// The door for clients of Redis and for the lock libraries that are made for it: SET NX PX and a script that
// compares and deletes, on the same locks that all other doors serve.
#pragma once

#include <memory>

#include "cmd/weir-locker/engine.hh"
#include "cmd/weir-locker/redis_scripts.hh"
#include "pkg/aio/stream.hh"
#include "pkg/resp/request.hh"

namespace weir::locker {

// What the connections share, all on the engine's loop.
struct RespShared {
  RedisScripts scripts;
  uint64_t next_client = 1;
};

struct RespSettings {
  std::string password;                                 // empty: none is asked for
  Duration idle_timeout = Duration::max();              // between commands
  Duration command_timeout = std::chrono::seconds(30);  // from a command's first byte to its last
  Duration write_timeout = std::chrono::seconds(30);
  resp::RequestLimits limits;
  size_t most_value_bytes = 4096;  // of a lock's value
  std::shared_ptr<RespShared> shared = std::make_shared<RespShared>();
};

// Commands that came together are answered together: all are carried out, then what they have changed and
// seen becomes durable, then their replies are sent. Engine and settings outlive the task.
aio::Task<> serve_resp(Engine& engine, aio::Stream stream, const RespSettings& settings);

}  // namespace weir::locker
