#include "cmd/weir-locker/redis_commands.hh"

#include <algorithm>
#include <charconv>

#include "pkg/base/text.hh"

namespace weir::locker {

namespace {

constexpr size_t kMostNameBytes = 16;  // of a command

std::vector<const RedisCommand*> sorted_commands() {
  std::vector<const RedisCommand*> all;
  for (const auto& some : {redis_connection_commands(), redis_key_commands(), redis_script_commands()}) {
    for (const RedisCommand& command : some) all.push_back(&command);
  }
  std::ranges::sort(all, {}, &RedisCommand::name);
  return all;
}

const RedisCommand* find_command(std::string_view name) {
  char lower[kMostNameBytes];
  if (name.size() > sizeof lower) return nullptr;
  std::ranges::transform(name, lower, ascii_lower);
  const std::string_view wanted(lower, name.size());
  const auto all = redis_commands();
  const auto found = std::ranges::lower_bound(all, wanted, {}, &RedisCommand::name);
  return found != all.end() && (*found)->name == wanted ? *found : nullptr;
}

void refuse_unknown(RedisSession& session, RedisArguments arguments) {
  std::string text =
      "ERR unknown command '" + std::string(arguments[0].substr(0, 128)) + "', with args beginning with: ";
  constexpr size_t kEnough = 256;
  for (const std::string_view argument : arguments.subspan(1)) {
    if (text.size() >= kEnough) break;
    text.append("'").append(argument.substr(0, kEnough - text.size())).append("' ");
  }
  session.reply.error(text);
}

// A browser that was lured here speaks HTTP, and what it sends must not be taken for commands.
bool is_http(std::string_view name) {
  return iequals(name, "post") || iequals(name, "host:");
}

}  // namespace

std::span<const RedisCommand* const> redis_commands() {
  static const std::vector<const RedisCommand*> all = sorted_commands();
  return all;
}

void run_redis_command(RedisSession& session, RedisArguments arguments) {
  const std::string_view name = arguments[0];
  const RedisCommand* const command = find_command(name);
  if (command == nullptr && is_http(name)) {
    session.is_over = true;
  } else if (command == nullptr) {
    refuse_unknown(session, arguments);
  } else if (command->arity > 0 ? arguments.size() != static_cast<size_t>(command->arity)
                                : arguments.size() < static_cast<size_t>(-command->arity)) {
    session.reply.error("ERR wrong number of arguments for '" + std::string(command->name) + "' command");
  } else if (!session.is_authenticated && !command->is_for_all) {
    session.reply.error("NOAUTH Authentication required.");
  } else {
    command->run(session, arguments);
  }
}

void reply_error(RedisSession& session, const Error& error) {
  session.reply.error("ERR " + error.message);
}

void reply_unknown_subcommand(RedisSession& session, RedisArguments arguments) {
  session.reply.error("ERR unknown subcommand '" + std::string(arguments[1].substr(0, 128)) + "' of '" +
                      to_lower(arguments[0]) + "', or not so many arguments");
}

std::optional<int64_t> parse_redis_integer(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), value);
  if (error != std::errc() || end != text.end()) return std::nullopt;
  return value;
}

std::optional<keyspace::Millis> parse_redis_time(std::string_view text, bool in_seconds) {
  constexpr int64_t kMost = INT64_MAX / 1'000'000;  // so that it can be counted in nanoseconds too
  const auto value = parse_redis_integer(text);
  const int64_t unit = in_seconds ? 1000 : 1;
  if (!value || *value > kMost / unit || *value < -kMost / unit) return std::nullopt;
  return keyspace::Millis(*value * unit);
}

bool accept_names(RedisSession& session, RedisArguments names) {
  for (const std::string_view name : names) {
    const char* const problem = lock::name_problem(name);
    if (problem == nullptr) continue;
    session.reply.error("ERR " + std::string(problem));
    return false;
  }
  return true;
}

bool accept_value(RedisSession& session, std::string_view value) {
  if (value.size() <= session.settings.most_value_bytes) return true;
  session.reply.error("ERR a lock's value is at most " + std::to_string(session.settings.most_value_bytes) +
                      " bytes long");
  return false;
}

}  // namespace weir::locker
