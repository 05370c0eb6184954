// EVAL and its kin: what a known script would do, done on the locks.

#include "cmd/weir-locker/redis_commands.hh"
#include "pkg/base/text.hh"

namespace weir::locker {

using keyspace::Millis;

namespace {

constexpr std::string_view kUnknown =
    "ERR unknown script; weir-locker runs only the well-known ones that take, extend and release a lock "
    "(weir-locker(8) lists them)";

// What a script is given.
struct Call {
  RedisArguments keys;
  RedisArguments values;

  std::string_view value() const { return values[0]; }
};

struct Needs {
  size_t keys = 1;
  size_t values = 1;
};

Needs needs_of(RedisScript script) {
  switch (script) {
    case RedisScript::release:
    case RedisScript::release_or_nothing:
    case RedisScript::release_telling:
    case RedisScript::remaining:
    case RedisScript::release_all:
      return {1, 1};
    case RedisScript::look:
      return {1, 0};
    case RedisScript::extend:
    case RedisScript::extend_or_nothing:
    case RedisScript::extend_seconds:
    case RedisScript::extend_seconds_or_nothing:
    case RedisScript::extend_status:
    case RedisScript::extend_status_or_nothing:
    case RedisScript::extend_or_take:
    case RedisScript::take:
    case RedisScript::take_seconds:
    case RedisScript::take_status:
    case RedisScript::take_all:
    case RedisScript::extend_all:
      return {1, 2};
    case RedisScript::extend_by:
    case RedisScript::take_or_extend:
      return {1, 3};
  }
  return {};
}

// How a script says that it did something, and that it did not.
enum class Answer : uint8_t { zero, one, nothing, status };

void answer(RedisSession& session, const Result<bool>& done, Answer yes, Answer no) {
  if (!done) return reply_error(session, done.error());
  switch (*done ? yes : no) {
    case Answer::zero:
      return session.reply.integer(0);
    case Answer::one:
      return session.reply.integer(1);
    case Answer::nothing:
      return session.reply.null();
    case Answer::status:
      return session.reply.ok();
  }
}

Result<Millis> time_of(const Call& call, bool in_seconds = false) {
  const auto time = parse_redis_time(call.values[1], in_seconds);
  if (!time) return fail(Errc::invalid, "value is not an integer or out of range");
  return *time;
}

bool holds_first(const RedisSession& session, const Call& call) {
  return session.locks.is_held_with(call.keys[0], call.value());
}

Result<bool> release(RedisSession& session, const Call& call) {
  if (!holds_first(session, call)) return false;
  const auto removed = session.locks.remove(call.keys.first(1));
  if (!removed) return std::unexpected(removed.error());
  return true;
}

Result<bool> extend(RedisSession& session, const Call& call, bool in_seconds = false) {
  if (!holds_first(session, call)) return false;
  const auto time = time_of(call, in_seconds);
  if (!time) return std::unexpected(time.error());
  if (*time <= Millis{0}) return release(session, call);  // as Redis has it
  return session.locks.expire(call.keys[0], *time);
}

Result<bool> set_all(RedisSession& session, RedisArguments keys, const Call& call, bool in_seconds = false) {
  const auto time = time_of(call, in_seconds);
  if (!time) return std::unexpected(time.error());
  const auto set = session.locks.set(keys, call.value(), *time);
  if (!set) return std::unexpected(set.error());
  return true;
}

Result<bool> take(RedisSession& session, const Call& call, bool in_seconds = false) {
  if (session.locks.holder(call.keys[0]) != nullptr) return false;
  return set_all(session, call.keys.first(1), call, in_seconds);
}

Result<bool> extend_or_take(RedisSession& session, const Call& call) {
  return holds_first(session, call) ? extend(session, call) : take(session, call);
}

Result<bool> take_or_extend(RedisSession& session, const Call& call) {
  const bool may_take = call.values[2] == "yes" && session.locks.holder(call.keys[0]) == nullptr;
  if (!may_take && !holds_first(session, call)) return false;
  return set_all(session, call.keys.first(1), call);
}

// redis-py's: to what is left it adds, or with any other third argument it does not.
Result<bool> extend_by(RedisSession& session, const Call& call) {
  if (!holds_first(session, call)) return false;
  auto time = time_of(call);
  if (!time) return std::unexpected(time.error());
  const auto left = session.locks.remaining(*session.locks.holder(call.keys[0]));
  if (call.values[2] == "0" && left) *time += *left;
  return session.locks.expire(call.keys[0], *time);
}

void release_telling(RedisSession& session, const Call& call) {
  if (session.locks.holder(call.keys[0]) == nullptr) return session.reply.integer(-1);
  answer(session, release(session, call), Answer::one, Answer::zero);
}

void tell_remaining(RedisSession& session, const Call& call) {
  if (!holds_first(session, call)) return session.reply.integer(-3);
  const auto left = session.locks.remaining(*session.locks.holder(call.keys[0]));
  session.reply.integer(left ? left->count() : -1);
}

void look(RedisSession& session, const Call& call) {
  const lock::Claimant* const holder = session.locks.holder(call.keys[0]);
  session.reply.array(2);
  if (holder == nullptr) {
    session.reply.null();
    return session.reply.integer(-2);
  }
  session.reply.bulk(holder->claim.text);
  const auto left = session.locks.remaining(*holder);
  session.reply.integer(left ? left->count() : -1);
}

void take_all(RedisSession& session, const Call& call) {
  for (const std::string_view key : call.keys) {
    if (session.locks.holder(key) != nullptr) return session.reply.integer(0);
  }
  const auto taken = set_all(session, call.keys, call);
  if (!taken) return reply_error(session, taken.error());
  session.reply.integer(static_cast<int64_t>(call.keys.size()));
}

void extend_all(RedisSession& session, const Call& call) {
  for (const std::string_view key : call.keys) {
    if (!session.locks.is_held_with(key, call.value())) return session.reply.integer(0);
  }
  const auto set = set_all(session, call.keys, call);
  if (!set) return reply_error(session, set.error());
  session.reply.integer(static_cast<int64_t>(call.keys.size()));
}

void release_all(RedisSession& session, const Call& call) {
  std::vector<std::string_view> held;
  for (const std::string_view key : call.keys) {
    if (session.locks.is_held_with(key, call.value())) held.push_back(key);
  }
  const auto removed = session.locks.remove(held);
  if (!removed) return reply_error(session, removed.error());
  session.reply.integer(static_cast<int64_t>(*removed));
}

void run(RedisSession& session, RedisScript script, const Call& call) {
  using enum Answer;
  switch (script) {
    case RedisScript::release:
      return answer(session, release(session, call), one, zero);
    case RedisScript::release_or_nothing:
      return answer(session, release(session, call), one, nothing);
    case RedisScript::release_telling:
      return release_telling(session, call);
    case RedisScript::extend:
      return answer(session, extend(session, call), one, zero);
    case RedisScript::extend_or_nothing:
      return answer(session, extend(session, call), one, nothing);
    case RedisScript::extend_seconds:
      return answer(session, extend(session, call, true), one, zero);
    case RedisScript::extend_seconds_or_nothing:
      return answer(session, extend(session, call, true), one, nothing);
    case RedisScript::extend_status:
      return answer(session, extend(session, call), status, zero);
    case RedisScript::extend_status_or_nothing:
      return answer(session, extend(session, call), status, nothing);
    case RedisScript::extend_or_take:
      return answer(session, extend_or_take(session, call), one, zero);
    case RedisScript::extend_by:
      return answer(session, extend_by(session, call), one, zero);
    case RedisScript::take:
      return answer(session, take(session, call), one, zero);
    case RedisScript::take_seconds:
      return answer(session, take(session, call, true), one, zero);
    case RedisScript::take_status:
      return answer(session, take(session, call), status, nothing);
    case RedisScript::take_or_extend:
      return answer(session, take_or_extend(session, call), status, nothing);
    case RedisScript::remaining:
      return tell_remaining(session, call);
    case RedisScript::look:
      return look(session, call);
    case RedisScript::take_all:
      return take_all(session, call);
    case RedisScript::extend_all:
      return extend_all(session, call);
    case RedisScript::release_all:
      return release_all(session, call);
  }
}

// `arguments`: a command's name, a script or its digest, the number of keys, keys, values.
void call(RedisSession& session, std::optional<RedisScript> script, RedisArguments arguments,
          std::string_view if_unknown) {
  const auto count = parse_redis_integer(arguments[2]);
  if (!count) return session.reply.error(kNotANumber);
  if (*count < 0) return session.reply.error("ERR Number of keys can't be negative");
  const RedisArguments rest = arguments.subspan(3);
  const auto keys = static_cast<size_t>(*count);
  if (keys > rest.size())
    return session.reply.error("ERR Number of keys can't be greater than number of args");
  if (!script) return session.reply.error(if_unknown);
  const Call call{rest.first(keys), rest.subspan(keys)};
  const Needs needs = needs_of(*script);
  if (call.keys.size() < needs.keys || call.values.size() < needs.values)
    return session.reply.error("ERR this script needs more keys or arguments");
  if (!accept_names(session, call.keys)) return;
  if (needs.values > 0 && !accept_value(session, call.value())) return;
  session.has_looked = true;
  run(session, *script, call);
}

void eval(RedisSession& session, RedisArguments arguments) {
  call(session, session.settings.shared->scripts.find(arguments[1]), arguments, kUnknown);
}

void eval_by_digest(RedisSession& session, RedisArguments arguments) {
  call(session, session.settings.shared->scripts.find_by_sha1(to_lower(arguments[1])), arguments,
       "NOSCRIPT No matching script. Please use EVAL.");
}

void script(RedisSession& session, RedisArguments arguments) {
  RedisScripts& scripts = session.settings.shared->scripts;
  if (iequals(arguments[1], "load") && arguments.size() == 3) {
    const auto digest = scripts.load(arguments[2]);
    if (!digest) return session.reply.error(kUnknown);
    session.reply.bulk(*digest);
  } else if (iequals(arguments[1], "exists") && arguments.size() > 2) {
    session.reply.array(arguments.size() - 2);
    for (const std::string_view digest : arguments.subspan(2))
      session.reply.integer(scripts.find_by_sha1(to_lower(digest)) ? 1 : 0);
  } else if (iequals(arguments[1], "flush") && arguments.size() <= 3) {
    scripts.flush();
    session.reply.ok();
  } else {
    reply_unknown_subcommand(session, arguments);
  }
}

constexpr RedisCommand kCommands[] = {
    {.name = "eval", .arity = -3, .changes = true, .run = eval},
    {.name = "evalsha", .arity = -3, .changes = true, .run = eval_by_digest},
    {.name = "script", .arity = -2, .run = script},
};

}  // namespace

std::span<const RedisCommand> redis_script_commands() {
  return kCommands;
}

}  // namespace weir::locker
