// HELLO, AUTH, CLIENT, INFO and what else clients ask before they come to the point.

#include <unistd.h>

#include <algorithm>

#include "cmd/weir-locker/redis_commands.hh"
#include "pkg/base/secret.hh"
#include "pkg/base/text.hh"
#include "pkg/daemon/version.hh"

namespace weir::locker {

namespace {

// Whose commands and replies these are: clients decide by it what they may send.
constexpr std::string_view kRedisVersion = "7.0.0";

void ping(RedisSession& session, RedisArguments arguments) {
  if (arguments.size() > 2) return session.reply.error("ERR wrong number of arguments for 'ping' command");
  if (arguments.size() == 2) return session.reply.bulk(arguments[1]);
  session.reply.simple("PONG");
}

void echo(RedisSession& session, RedisArguments arguments) {
  session.reply.bulk(arguments[1]);
}

void quit(RedisSession& session, RedisArguments) {
  session.reply.ok();
  session.is_over = true;
}

void reset(RedisSession& session, RedisArguments) {
  session.forget();
  session.reply.simple("RESET");
}

// Writes the reply when it is refused.
bool log_in(RedisSession& session, std::string_view user, std::string_view password) {
  const std::string& wanted = session.settings.password;
  // The comparison always takes place, so that a wrong user is not answered sooner.
  const bool fits = equal_in_constant_time(password, wanted);
  if (wanted.empty() || (user == "default" && fits)) {
    session.is_authenticated = true;
    return true;
  }
  session.reply.error("WRONGPASS invalid username-password pair or user is disabled.");
  return false;
}

void auth(RedisSession& session, RedisArguments arguments) {
  if (arguments.size() > 3) return session.reply.error(kSyntaxError);
  if (session.settings.password.empty() && arguments.size() == 2)
    return session.reply.error("ERR AUTH called without any password configured here");
  const std::string_view user = arguments.size() == 3 ? arguments[1] : "default";
  if (log_in(session, user, arguments.back())) session.reply.ok();
}

bool accept_client_name(RedisSession& session, std::string_view name) {
  constexpr size_t kMostBytes = 256;
  const bool is_plain = std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7f; });
  if (is_plain && name.size() <= kMostBytes) return true;
  session.reply.error("ERR Client names cannot contain spaces, newlines or special characters.");
  return false;
}

void describe_server(RedisSession& session) {
  auto& reply = session.reply;
  reply.map(7);
  reply.bulk("server");
  reply.bulk("redis");
  reply.bulk("version");
  reply.bulk(kRedisVersion);
  reply.bulk("proto");
  reply.integer(static_cast<int64_t>(reply.protocol()));
  reply.bulk("id");
  reply.integer(static_cast<int64_t>(session.id));
  reply.bulk("mode");
  reply.bulk("standalone");
  reply.bulk("role");
  reply.bulk("master");
  reply.bulk("modules");
  reply.array(0);
}

// HELLO [2|3 [AUTH user password] [SETNAME name]]
void hello(RedisSession& session, RedisArguments arguments) {
  auto protocol = session.reply.protocol();
  if (arguments.size() > 1) {
    if (arguments[1] != "2" && arguments[1] != "3")
      return session.reply.error("NOPROTO unsupported protocol version");
    protocol = arguments[1] == "2" ? resp::Protocol::resp2 : resp::Protocol::resp3;
  }
  std::optional<std::string_view> name;
  for (size_t i = 2; i < arguments.size();) {
    if (iequals(arguments[i], "auth") && i + 2 < arguments.size()) {
      if (!log_in(session, arguments[i + 1], arguments[i + 2])) return;
      i += 3;
    } else if (iequals(arguments[i], "setname") && i + 1 < arguments.size()) {
      name = arguments[i + 1];
      i += 2;
    } else {
      return session.reply.error(kSyntaxError);
    }
  }
  if (!session.is_authenticated) {
    return session.reply.error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH "
        "<user> <pass> option can be used");
  }
  if (name && !accept_client_name(session, *name)) return;
  if (name) session.set_name(*name);
  session.reply.set_protocol(protocol);
  describe_server(session);
}

std::string describe_client(const RedisSession& session) {
  return "id=" + std::to_string(session.id) + " addr=" + session.peer + " name=" + session.name +
         " db=0 resp=" + std::to_string(static_cast<int>(session.reply.protocol()));
}

void client(RedisSession& session, RedisArguments arguments) {
  const std::string_view what = arguments[1];
  const size_t count = arguments.size();
  if (iequals(what, "setname") && count == 3) {
    if (!accept_client_name(session, arguments[2])) return;
    session.set_name(arguments[2]);
    session.reply.ok();
  } else if (iequals(what, "getname") && count == 2) {
    session.name.empty() ? session.reply.null() : session.reply.bulk(session.name);
  } else if (iequals(what, "id") && count == 2) {
    session.reply.integer(static_cast<int64_t>(session.id));
  } else if (iequals(what, "info") && count == 2) {
    session.reply.bulk(describe_client(session) + "\n");
  } else if ((iequals(what, "setinfo") && count == 4) || (iequals(what, "no-evict") && count == 3) ||
             (iequals(what, "no-touch") && count == 3) ||
             (iequals(what, "reply") && count == 3 && iequals(arguments[2], "on"))) {
    session.reply.ok();
  } else {
    reply_unknown_subcommand(session, arguments);
  }
}

void select(RedisSession& session, RedisArguments arguments) {
  const auto number = parse_redis_integer(arguments[1]);
  if (!number) return session.reply.error(kNotANumber);
  if (*number != 0) return session.reply.error("ERR DB index is out of range: there is only 0 here");
  session.reply.ok();
}

void tell_time(RedisSession& session, RedisArguments) {
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  session.reply.array(2);
  session.reply.bulk(std::to_string(now.count() / 1'000'000));
  session.reply.bulk(std::to_string(now.count() % 1'000'000));
}

void role(RedisSession& session, RedisArguments) {
  session.reply.array(3);
  session.reply.bulk("master");
  session.reply.integer(0);
  session.reply.array(0);
}

struct InfoSection {
  std::string_view name;
  std::string text;
};

std::vector<InfoSection> info_sections(const RedisSession& session) {
  return {
      {"Server", "redis_version:" + std::string(kRedisVersion) + "\r\nredis_mode:standalone\r\nprocess_id:" +
                     std::to_string(getpid()) + "\r\nweir_locker_version:" + daemon::version() + "\r\n"},
      {"Persistence", "loading:0\r\n"},
      {"Replication", "role:master\r\nconnected_slaves:0\r\n"},
      {"Cluster", "cluster_enabled:0\r\n"},
      {"Locks", "held_or_waited_for:" + std::to_string(session.engine.locks().size()) + "\r\n"},
  };
}

void info(RedisSession& session, RedisArguments arguments) {
  const auto wants = [&](std::string_view section) {
    if (arguments.size() == 1) return true;
    return std::ranges::any_of(arguments.subspan(1), [&](std::string_view word) {
      return iequals(word, section) || iequals(word, "all") || iequals(word, "default") ||
             iequals(word, "everything");
    });
  };
  std::string text;
  for (const InfoSection& section : info_sections(session)) {
    if (!wants(section.name)) continue;
    if (!text.empty()) text += "\r\n";
    text.append("# ").append(section.name).append("\r\n").append(section.text);
  }
  session.reply.bulk(text);
}

void describe(RedisSession& session, const RedisCommand& command) {
  auto& reply = session.reply;
  reply.array(6);
  reply.bulk(command.name);
  reply.integer(command.arity);
  reply.array(1);
  reply.simple(command.changes ? "write" : "readonly");
  reply.integer(command.first_key);
  reply.integer(command.last_key);
  reply.integer(command.first_key == 0 ? 0 : 1);
}

void describe_named(RedisSession& session, RedisArguments names) {
  session.reply.array(names.size());
  for (const std::string_view name : names) {
    const auto all = redis_commands();
    const auto found =
        std::ranges::find_if(all, [&](const RedisCommand* one) { return iequals(one->name, name); });
    if (found == all.end()) {
      session.reply.null();
    } else {
      describe(session, **found);
    }
  }
}

void command(RedisSession& session, RedisArguments arguments) {
  const auto all = redis_commands();
  if (arguments.size() == 1) {
    session.reply.array(all.size());
    for (const RedisCommand* one : all) describe(session, *one);
  } else if (iequals(arguments[1], "count") && arguments.size() == 2) {
    session.reply.integer(static_cast<int64_t>(all.size()));
  } else if (iequals(arguments[1], "list") && arguments.size() == 2) {
    session.reply.array(all.size());
    for (const RedisCommand* one : all) session.reply.bulk(one->name);
  } else if (iequals(arguments[1], "info")) {
    describe_named(session, arguments.subspan(2));
  } else if (iequals(arguments[1], "docs")) {
    session.reply.map(0);
  } else {
    reply_unknown_subcommand(session, arguments);
  }
}

// Clients look for settings that only Redis has.
void config(RedisSession& session, RedisArguments arguments) {
  if (!iequals(arguments[1], "get")) return reply_unknown_subcommand(session, arguments);
  session.reply.map(0);
}

constexpr RedisCommand kCommands[] = {
    {.name = "ping", .arity = -1, .run = ping},
    {.name = "echo", .arity = 2, .run = echo},
    {.name = "quit", .arity = -1, .is_for_all = true, .run = quit},
    {.name = "reset", .arity = 1, .is_for_all = true, .run = reset},
    {.name = "auth", .arity = -2, .is_for_all = true, .run = auth},
    {.name = "hello", .arity = -1, .is_for_all = true, .run = hello},
    {.name = "client", .arity = -2, .run = client},
    {.name = "select", .arity = 2, .run = select},
    {.name = "time", .arity = 1, .run = tell_time},
    {.name = "role", .arity = 1, .run = role},
    {.name = "info", .arity = -1, .run = info},
    {.name = "command", .arity = -1, .run = command},
    {.name = "config", .arity = -2, .run = config},
};

}  // namespace

std::span<const RedisCommand> redis_connection_commands() {
  return kCommands;
}

}  // namespace weir::locker
