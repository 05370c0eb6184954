// SET, GET, DEL and the like: a lock taken, looked at and given back.

#include "cmd/weir-locker/redis_commands.hh"
#include "cmd/weir-locker/wall_time.hh"
#include "pkg/base/text.hh"

namespace weir::locker {

using keyspace::Millis;

namespace {

constexpr std::string_view kNoEnd =
    "ERR a lock needs an end, or it outlives a client that dies: add PX milliseconds, as in "
    "SET name value NX PX 30000";
constexpr std::string_view kBadTime = "ERR invalid expire time in 'set' command";

struct SetOptions {
  bool if_free = false;
  bool if_held = false;
  bool gives_old = false;
  bool keeps_ttl = false;
  std::optional<Millis> ttl;
};

bool refuse(RedisSession& session, std::string_view text) {
  session.reply.error(text);
  return false;
}

// EX, PX, EXAT and PXAT: a time of the next argument.
bool take_time(RedisSession& session, std::string_view option, std::string_view value, SetOptions& options) {
  const bool is_absolute = option.size() == 4;
  if (!parse_redis_integer(value)) return refuse(session, kNotANumber);
  const auto time = parse_redis_time(value, ascii_lower(option[0]) == 'e');
  if (!time || *time <= Millis{0}) return refuse(session, kBadTime);
  options.ttl = is_absolute ? *time - wall_time() : *time;
  return true;
}

bool parse_options(RedisSession& session, RedisArguments words, SetOptions& options) {
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const bool is_time =
        iequals(word, "px") || iequals(word, "ex") || iequals(word, "pxat") || iequals(word, "exat");
    if (is_time && !options.ttl && i + 1 < words.size()) {
      if (!take_time(session, word, words[++i], options)) return false;
    } else if (iequals(word, "nx")) {
      options.if_free = true;
    } else if (iequals(word, "xx")) {
      options.if_held = true;
    } else if (iequals(word, "get")) {
      options.gives_old = true;
    } else if (iequals(word, "keepttl")) {
      options.keeps_ttl = true;
    } else {
      return refuse(session, kSyntaxError);
    }
  }
  if ((options.if_free && options.if_held) || (options.keeps_ttl && options.ttl))
    return refuse(session, kSyntaxError);
  if (!options.ttl && !options.keeps_ttl) return refuse(session, kNoEnd);
  return true;
}

void run_set(RedisSession& session, std::string_view name, std::string_view value,
             const SetOptions& options) {
  if (!accept_names(session, {&name, 1}) || !accept_value(session, value)) return;
  session.has_looked = true;
  const lock::Claimant* const holder = session.locks.holder(name);
  const std::optional<std::string> old =
      holder && options.gives_old ? std::optional(holder->claim.text) : std::nullopt;
  const bool does = holder == nullptr ? !options.if_held : !options.if_free;
  if (does) {
    if (options.keeps_ttl && holder == nullptr) return session.reply.error(kNoEnd);
    const auto set = options.keeps_ttl ? session.locks.set_keeping_end(name, value)
                                       : session.locks.set({&name, 1}, value, *options.ttl);
    if (!set) return reply_error(session, set.error());
  }
  if (old) return session.reply.bulk(*old);
  if (options.gives_old || !does) return session.reply.null();
  session.reply.ok();
}

void set(RedisSession& session, RedisArguments arguments) {
  SetOptions options;
  if (!parse_options(session, arguments.subspan(3), options)) return;
  run_set(session, arguments[1], arguments[2], options);
}

// SETEX and PSETEX.
void set_with_end(RedisSession& session, RedisArguments arguments) {
  SetOptions options;
  if (!take_time(session, iequals(arguments[0], "setex") ? "ex" : "px", arguments[2], options)) return;
  run_set(session, arguments[1], arguments[3], options);
}

void refuse_endless(RedisSession& session, RedisArguments) {
  session.reply.error(kNoEnd);
}

void get(RedisSession& session, RedisArguments arguments) {
  if (!accept_names(session, arguments.subspan(1))) return;
  session.has_looked = true;
  const lock::Claimant* const holder = session.locks.holder(arguments[1]);
  if (holder == nullptr) return session.reply.null();
  session.reply.bulk(holder->claim.text);
}

void remove(RedisSession& session, RedisArguments arguments) {
  if (!accept_names(session, arguments.subspan(1))) return;
  session.has_looked = true;
  const auto removed = session.locks.remove(arguments.subspan(1));
  if (!removed) return reply_error(session, removed.error());
  session.reply.integer(static_cast<int64_t>(*removed));
}

void exists(RedisSession& session, RedisArguments arguments) {
  if (!accept_names(session, arguments.subspan(1))) return;
  session.has_looked = true;
  int64_t count = 0;
  for (const std::string_view name : arguments.subspan(1)) count += session.locks.holder(name) ? 1 : 0;
  session.reply.integer(count);
}

// TTL and PTTL.
void time_left(RedisSession& session, RedisArguments arguments) {
  if (!accept_names(session, arguments.subspan(1))) return;
  session.has_looked = true;
  const lock::Claimant* const holder = session.locks.holder(arguments[1]);
  if (holder == nullptr) return session.reply.integer(-2);
  const auto left = session.locks.remaining(*holder);
  if (!left) return session.reply.integer(-1);
  const bool in_seconds = ascii_lower(arguments[0][0]) == 't';
  session.reply.integer(in_seconds ? (left->count() + 500) / 1000 : left->count());
}

// Whether a new end may be set under EXPIRE's condition, which compares it with the one that is.
std::optional<bool> allows(RedisArguments conditions, std::optional<Millis> left, Millis ttl) {
  bool allowed = true;
  for (const std::string_view word : conditions) {
    if (iequals(word, "nx")) {
      allowed = allowed && !left;
    } else if (iequals(word, "xx")) {
      allowed = allowed && left;
    } else if (iequals(word, "gt")) {
      allowed = allowed && left && ttl > *left;
    } else if (iequals(word, "lt")) {
      allowed = allowed && (!left || ttl < *left);
    } else {
      return std::nullopt;
    }
  }
  return allowed;
}

// EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT.
void expire(RedisSession& session, RedisArguments arguments) {
  const std::string_view name = arguments[1];
  const auto time = parse_redis_time(arguments[2], ascii_lower(arguments[0][0]) == 'e');
  if (!time) return session.reply.error(kNotANumber);
  if (!accept_names(session, {&name, 1})) return;
  const Millis ttl = ascii_lower(arguments[0].back()) == 't' ? *time - wall_time() : *time;
  session.has_looked = true;
  const lock::Claimant* const holder = session.locks.holder(name);
  const auto left = holder == nullptr ? std::nullopt : session.locks.remaining(*holder);
  const auto allowed = allows(arguments.subspan(3), left, ttl);
  if (!allowed) return session.reply.error(kSyntaxError);
  if (holder == nullptr || !*allowed) return session.reply.integer(0);
  if (ttl <= Millis{0}) {
    const auto removed = session.locks.remove({&name, 1});
    if (!removed) return reply_error(session, removed.error());
  } else {
    const auto set = session.locks.expire(name, ttl);
    if (!set) return reply_error(session, set.error());
  }
  session.reply.integer(1);
}

// TOKEN name [value]: the fencing token of who holds the lock, with that value; our own command.
void token(RedisSession& session, RedisArguments arguments) {
  if (arguments.size() > 3) return session.reply.error(kSyntaxError);
  if (!accept_names(session, arguments.subspan(1, 1))) return;
  session.has_looked = true;
  const auto found = session.locks.token(arguments[1]);
  if (!found || (arguments.size() == 3 && !session.locks.is_held_with(arguments[1], arguments[2])))
    return session.reply.null();
  session.reply.integer(*found);
}

void type(RedisSession& session, RedisArguments arguments) {
  if (!accept_names(session, arguments.subspan(1))) return;
  session.has_looked = true;
  session.reply.simple(session.locks.holder(arguments[1]) == nullptr ? "none" : "string");
}

constexpr RedisCommand kCommands[] = {
    {.name = "set", .arity = -3, .first_key = 1, .last_key = 1, .changes = true, .run = set},
    {.name = "setex", .arity = 4, .first_key = 1, .last_key = 1, .changes = true, .run = set_with_end},
    {.name = "psetex", .arity = 4, .first_key = 1, .last_key = 1, .changes = true, .run = set_with_end},
    {.name = "setnx", .arity = 3, .first_key = 1, .last_key = 1, .changes = true, .run = refuse_endless},
    {.name = "persist", .arity = 2, .first_key = 1, .last_key = 1, .changes = true, .run = refuse_endless},
    {.name = "get", .arity = 2, .first_key = 1, .last_key = 1, .run = get},
    {.name = "del", .arity = -2, .first_key = 1, .last_key = -1, .changes = true, .run = remove},
    {.name = "unlink", .arity = -2, .first_key = 1, .last_key = -1, .changes = true, .run = remove},
    {.name = "exists", .arity = -2, .first_key = 1, .last_key = -1, .run = exists},
    {.name = "ttl", .arity = 2, .first_key = 1, .last_key = 1, .run = time_left},
    {.name = "pttl", .arity = 2, .first_key = 1, .last_key = 1, .run = time_left},
    {.name = "expire", .arity = -3, .first_key = 1, .last_key = 1, .changes = true, .run = expire},
    {.name = "pexpire", .arity = -3, .first_key = 1, .last_key = 1, .changes = true, .run = expire},
    {.name = "expireat", .arity = -3, .first_key = 1, .last_key = 1, .changes = true, .run = expire},
    {.name = "pexpireat", .arity = -3, .first_key = 1, .last_key = 1, .changes = true, .run = expire},
    {.name = "token", .arity = -2, .first_key = 1, .last_key = 1, .run = token},
    {.name = "type", .arity = 2, .first_key = 1, .last_key = 1, .run = type},
};

}  // namespace

std::span<const RedisCommand> redis_key_commands() {
  return kCommands;
}

}  // namespace weir::locker
