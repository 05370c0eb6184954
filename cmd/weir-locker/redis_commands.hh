// The commands of the Redis door, by subject.
#pragma once

#include "cmd/weir-locker/redis_session.hh"

namespace weir::locker {

struct RedisCommand {
  std::string_view name;    // in lower case
  int arity = 0;            // how many arguments with the name; negative: at least so many
  int first_key = 0;        // where its keys stand, as Redis tells it; 0: it has none
  int last_key = 0;         // negative: from the end
  bool changes = false;     // as opposed to looking
  bool is_for_all = false;  // before the password too
  void (*run)(RedisSession& session, RedisArguments arguments) = nullptr;
};

std::span<const RedisCommand> redis_connection_commands();
std::span<const RedisCommand> redis_key_commands();
std::span<const RedisCommand> redis_script_commands();
// All of them, by name.
std::span<const RedisCommand* const> redis_commands();

// Errors in the words that clients know.
constexpr std::string_view kSyntaxError = "ERR syntax error";
constexpr std::string_view kNotANumber = "ERR value is not an integer or out of range";
void reply_error(RedisSession& session, const Error& error);
void reply_unknown_subcommand(RedisSession& session, RedisArguments arguments);

std::optional<int64_t> parse_redis_integer(std::string_view text);
// Times, in milliseconds; nothing where it does not fit.
std::optional<keyspace::Millis> parse_redis_time(std::string_view text, bool in_seconds);
// False: one is not the name of a lock, and the reply says why.
bool accept_names(RedisSession& session, RedisArguments names);
bool accept_value(RedisSession& session, std::string_view value);

}  // namespace weir::locker
