#include "cmd/weir-lock/options.hh"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>

#include "pkg/base/text.hh"
#include "pkg/utility/command_line.hh"
#include "pkg/utility/exit.hh"
#include "pkg/utility/version.hh"

namespace weir::locking {

namespace {

using namespace std::chrono_literals;
using utility::Option;

constexpr const char* kDefaultServer = "http://127.0.0.1:7420";

constexpr Duration kForEver = std::chrono::years(10);

constexpr const char* kExamples =
    "  weir-lock run backup -- pg_dump -f app.sql app\n"
    "      waits for the lock \"backup\", and holds it while pg_dump runs\n"
    "  weir-lock run -n nightly -- ./report || echo 'somebody else does it'\n"
    "      at once or not at all\n"
    "  weir-lock run disk,network -w 30s -- ./migrate\n"
    "      both or none, within 30 seconds\n"
    "  weir-lock run --permits 3 api -- curl -s https://api.example/heavy\n"
    "      at most three at a time, over all machines\n"
    "  weir-lock elect worker --text \"$(hostname)\" --again -- ./worker\n"
    "      runs where it has been elected, and nowhere else\n"
    "  s=$(weir-lock try deploy --ttl 10m | jq -r .session) && ./deploy; weir-lock release deploy --session "
    "$s\n"
    "      takes a lock in one step of a script and gives it back in another\n"
    "  weir-lock watch jobs/ | jq -r 'select(.event == \"expired\") | .lock'\n"
    "      which locks were lost, as it happens\n";

// What is put together from several options.
struct Words {
  std::string server;
  std::string token_file;
  std::string ca_file;
  bool is_shared = false;
  bool is_exclusive = false;
  bool is_nonblocking = false;
  std::vector<std::string> names = {};
};

// As flock(1) has it, a number alone is seconds.
Result<Duration> parse_time(const std::string& text) {
  const bool is_number = !text.empty() && text.find_first_not_of("0123456789.") == std::string::npos;
  if (!is_number) return parse_duration(text);
  char* end = nullptr;
  const double seconds = strtod(text.c_str(), &end);
  if (*end != '\0' || seconds > 1e9) return fail(Errc::invalid, "\"" + text + "\" is no number of seconds");
  return std::chrono::milliseconds(static_cast<int64_t>(std::ceil(seconds * 1000)));
}

Option time_option(std::string names, std::string help, std::function<void(Duration)> put) {
  return {std::move(names), "DURATION", std::move(help),
          [put = std::move(put)](const std::string& argument) -> Result<> {
            const auto time = parse_time(argument);
            if (!time) return std::unexpected(time.error());
            put(*time);
            return {};
          }};
}

Option number_option(std::string names, std::string value, std::string help, uint64_t low, uint64_t high,
                     std::function<void(uint64_t)> put) {
  return {std::move(names), std::move(value), std::move(help),
          [low, high, put = std::move(put)](const std::string& argument) -> Result<> {
            const auto number = parse_uint(argument);
            if (!number || *number < low || *number > high)
              return fail(Errc::invalid, "\"" + argument + "\" is no number from " + std::to_string(low) +
                                             " to " + std::to_string(high));
            put(*number);
            return {};
          }};
}

Option ttl_option(Options& out) {
  return time_option("--ttl", "for how long the lock outlives this process, or its connection (default 30s)",
                     [&out](Duration ttl) { out.ttl = ttl; });
}

Option name_option(std::string help, Words& words) {
  return {"--name", "NAME", std::move(help), [&words](const std::string& name) {
            words.names.push_back(name);
            return Result<>();
          }};
}

std::vector<Option> claim_options(Options& out, Words& words) {
  return {
      name_option("a further lock; all of them are taken, or none", words),
      utility::flag("-s,--shared", "with others that share", words.is_shared),
      utility::flag("-x,-e,--exclusive", "alone (the default)", words.is_exclusive),
      number_option("--permits", "N", "with at most N in all, who must all say the same N", 1, 1'000'000,
                    [&out](uint64_t permits) { out.permits = permits; }),
      ttl_option(out),
      utility::text("--reason", "TEXT", "what it is held for, for others to see", out.reason),
      number_option("-E,--conflict-exit-code", "STATUS", "exit so when it is not to be had (default 1)", 0,
                    255, [&out](uint64_t status) { out.conflict_status = static_cast<int>(status); }),
  };
}

Option timeout_option(Options& out) {
  return time_option("-w,--timeout,--wait", "give up after that long (default: never)",
                     [&out](Duration time) { out.patience = time; });
}

std::vector<Option> running_options(Options& out, Words& words) {
  auto options = claim_options(out, words);
  options.push_back(timeout_option(out));
  options.push_back(utility::flag("-n,--nb,--nonblock", "at once or not at all", words.is_nonblocking));
  options.push_back(time_option("--kill-after",
                                "how long the command may take to end when the lock is lost (default 5s)",
                                [&out](Duration time) { out.kill_after = time; }));
  return options;
}

std::vector<utility::Command> commands(Options& out, Words& words) {
  auto for_try = claim_options(out, words);
  for_try.push_back(running_options(out, words).back());
  auto for_elect = running_options(out, words);
  for_elect.push_back(utility::text("--text", "VALUE", "what the others see of the leader", out.text));
  for_elect.push_back(utility::flag("--again", "stand again when leadership was lost", out.again));
  return {
      {"run", "NAME[,NAME…] -- COMMAND…", "Waits for a lock and holds it while a command runs.",
       running_options(out, words)},
      {"try", "NAME[,NAME…] [-- COMMAND…]",
       "The same at once or not at all. Without a command the lock is held for --ttl, and told as JSON.",
       std::move(for_try)},
      {"elect", "NAME -- COMMAND…", "Runs a command while elected the leader.", std::move(for_elect)},
      {"wait",
       "NAME",
       "Waits until nobody holds a lock.",
       {name_option("the lock, whatever its name holds", words), timeout_option(out),
        number_option("-E,--conflict-exit-code", "STATUS", "exit so when time is up (default 1)", 0, 255,
                      [&out](uint64_t status) { out.conflict_status = static_cast<int>(status); })}},
      {"release",
       "NAME[,NAME…] --session ID",
       "Gives back what `try` has taken.",
       {name_option("a further lock", words), utility::text("--session", "ID", "whose it is", out.session)}},
      {"ls",
       "[PREFIX]",
       "Lists locks: a table on a terminal, one JSON object a line otherwise.",
       {utility::flag("--json", "JSON on a terminal, too", out.as_json)}},
      {"watch", "[PREFIX]", "Writes what happens to locks as it happens, one JSON object a line.", {}},
  };
}

std::vector<Option> common_options(Options& out, Words& words) {
  return {
      utility::text("--server", "URL",
                    std::string("the lock server: http://HOST:PORT, https://HOST or unix:PATH (default "
                                "$WEIR_LOCK_SERVER, or ") +
                        kDefaultServer + ")",
                    words.server),
      utility::text("--token-file", "FILE",
                    "what the server wants as its token is in there (default $WEIR_LOCK_SERVER_TOKEN_FILE; "
                    "the token itself may be in $WEIR_LOCK_SERVER_TOKEN)",
                    words.token_file),
      utility::text("--ca-file", "FILE",
                    "who signs the certificate of an https server (default: the system's)", words.ca_file),
      utility::flag("-v,--verbose", "tell what happens", out.is_verbose),
  };
}

std::string variable(const char* name) {
  const char* const value = getenv(name);
  return value != nullptr ? value : "";
}

Result<std::string> read_token(const std::string& named_file) {
  const std::string file = named_file.empty() ? variable("WEIR_LOCK_SERVER_TOKEN_FILE") : named_file;
  if (file.empty()) return variable("WEIR_LOCK_SERVER_TOKEN");
  std::ifstream in(file);
  std::string token;
  if (!std::getline(in, token)) return fail(Errc::not_found, file + ": no token can be read from it");
  return std::string(trim(token));
}

Result<ServerSettings> server_settings(const Words& words) {
  ServerSettings server;
  std::string url = words.server.empty() ? variable("WEIR_LOCK_SERVER") : words.server;
  auto endpoint = http::Endpoint::parse(url.empty() ? kDefaultServer : url);
  if (!endpoint) return std::unexpected(endpoint.error());
  server.endpoint = std::move(*endpoint);
  auto token = read_token(words.token_file);
  if (!token) return std::unexpected(token.error());
  server.token = std::move(*token);
  if (server.token.find_first_of("\r\n") != std::string::npos)
    return fail(Errc::invalid, "the server's token has a line break in it");
  if (server.endpoint.is_tls) {
    aio::TlsClientSettings settings;
    settings.ca_file = words.ca_file;
    auto context = aio::make_client_context(settings);
    if (!context) return std::unexpected(context.error());
    server.tls = std::move(*context);
  }
  return server;
}

Action action_of(const std::string& name) {
  constexpr std::pair<const char*, Action> kActions[] = {
      {"run", Action::run},         {"try", Action::try_}, {"elect", Action::elect}, {"wait", Action::wait},
      {"release", Action::release}, {"ls", Action::ls},    {"watch", Action::watch}};
  for (const auto& [text, action] : kActions) {
    if (name == text) return action;
  }
  return Action::run;
}

Result<> take_operands(Options& out, const Words& words, const utility::Invocation& given) {
  const std::string& name = given.command->name;
  const bool is_look = out.action == Action::ls || out.action == Action::watch;
  const bool runs = out.action == Action::run || out.action == Action::elect || out.action == Action::try_;
  if (given.operands.size() > 1) {
    return fail(Errc::invalid, "\"" + given.operands[1] + "\" is too much" +
                                   (runs ? "; the command stands behind \"--\"" : ""));
  }
  if (given.has_rest && !runs) return fail(Errc::invalid, "'" + name + "' runs no command");
  if (is_look) {
    if (!given.operands.empty()) out.prefix = given.operands.front();
    return {};
  }
  if (!given.operands.empty()) {
    for (const std::string_view one : split(given.operands.front(), ',')) out.names.emplace_back(one);
  }
  out.names.insert(out.names.end(), words.names.begin(), words.names.end());
  if (out.names.empty()) return fail(Errc::invalid, "no lock is named");
  const bool takes_one = out.action == Action::wait || out.action == Action::elect;
  if (takes_one && out.names.size() > 1) return fail(Errc::invalid, "'" + name + "' takes one name");
  out.command = given.rest;
  const bool may_have_none = out.action == Action::try_ && !given.has_rest;
  if (runs && out.command.empty() && !may_have_none)
    return fail(Errc::invalid, "no command is given; it stands behind \"--\"");
  return {};
}

Result<> put_together(Options& out, const Words& words) {
  if (words.is_shared + words.is_exclusive + (out.permits > 0) > 1)
    return fail(Errc::invalid, "--shared, --exclusive and --permits exclude each other");
  if (words.is_shared) out.mode = Mode::shared;
  if (out.permits > 0) out.mode = Mode::semaphore;
  if (words.is_nonblocking || out.action == Action::try_) out.patience = Duration{0};
  if (out.patience && *out.patience > kForEver) out.patience.reset();
  if (out.ttl < 1ms) return fail(Errc::invalid, "--ttl must be longer than nothing");
  if (out.action == Action::release && out.session.empty())
    return fail(Errc::invalid, "whose? name the session: --session ID");
  auto server = server_settings(words);
  if (!server) return std::unexpected(server.error());
  out.server = std::move(*server);
  return {};
}

}  // namespace

std::expected<Options, int> parse_options(int argc, char** argv) {
  Options options;
  Words words;
  utility::Usage usage;
  usage.name = "weir-lock";
  usage.summary = "Runs commands under locks of a lock server, and looks after these.";
  usage.commands = commands(options, words);
  usage.options = common_options(options, words);
  usage.examples = kExamples;
  usage.version = utility::version_text("weir-lock");
  const auto given = utility::parse_command_line(argc, argv, usage);
  if (!given) return std::unexpected(given.error());
  options.action = action_of(given->command->name);
  const auto named = take_operands(options, words, *given);
  if (!named) return std::unexpected(utility::usage_error(usage, named.error().message));
  const auto complete = put_together(options, words);
  if (!complete) return std::unexpected(utility::usage_error(usage, complete.error().message));
  return options;
}

}  // namespace weir::locking
