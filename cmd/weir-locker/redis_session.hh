// One client of the Redis door, as its commands see it.
#pragma once

#include "cmd/weir-locker/redis_locks.hh"
#include "cmd/weir-locker/resp_door.hh"
#include "pkg/resp/reply.hh"

namespace weir::locker {

using RedisArguments = std::span<const std::string_view>;  // the command's name is the first

struct RedisSession {
  RedisSession(Engine& on, const RespSettings& given, std::string from, std::string& out)
      : engine(on),
        settings(given),
        locks(on),
        reply(out),
        id(given.shared->next_client++),
        peer(std::move(from)) {
    forget();
  }

  // As after connecting.
  void forget() {
    is_authenticated = settings.password.empty();
    reply.set_protocol(resp::Protocol::resp2);
    set_name({});
  }
  void set_name(std::string_view chosen) {
    name = chosen;
    locks.set_client(name.empty() ? peer : name);
  }

  Engine& engine;
  const RespSettings& settings;
  RedisLocks locks;
  resp::ReplyWriter reply;
  const uint64_t id;
  const std::string peer;
  std::string name;
  bool is_authenticated = false;
  bool has_looked = false;  // its replies tell of what is perhaps not durable yet
  bool is_over = false;     // the connection ends behind the replies that are written
};

// Carries out one command and writes its reply.
void run_redis_command(RedisSession& session, RedisArguments arguments);

}  // namespace weir::locker
