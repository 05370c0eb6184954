// What the command line asks for.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "cmd/weir-lock/server.hh"

namespace weir::locking {

enum class Action { run, try_, elect, wait, release, ls, watch };

struct Options {
  Action action = Action::run;
  ServerSettings server;
  std::vector<std::string> names;
  std::vector<std::string> command;  // empty: none was given
  std::string prefix;                // of ls and watch

  Mode mode = Mode::exclusive;
  uint64_t permits = 0;              // of a semaphore
  std::optional<Duration> patience;  // none: for ever
  Duration ttl = std::chrono::seconds(30);
  Duration kill_after = std::chrono::seconds(5);
  std::string reason;
  std::string text;  // of an election
  std::string session;
  int conflict_status = 1;
  bool again = false;
  bool as_json = false;
  bool is_verbose = false;
};

// The options, or the exit code when that is settled already.
std::expected<Options, int> parse_options(int argc, char** argv);

}  // namespace weir::locking
