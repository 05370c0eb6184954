// The command line every daemon has.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pkg/daemon/program.hh"

namespace weir::daemon {

struct CommandLine {
  config::Input input;  // the config's file and settings
  enum class Action { serve, check, print_config, print_sample, print_manual, command };
  Action action = Action::serve;
  bool errors_as_json = false;
  const Command* command = nullptr;
  std::vector<std::string> arguments;  // the command's
};

// What was asked for, or the exit code when that is settled already (--help, --version, an error that was
// told).
std::expected<CommandLine, int> parse_command_line(int argc, char** argv, const AnyProgram& program);

}  // namespace weir::daemon
