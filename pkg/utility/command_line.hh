// The command line of a utility: NAME COMMAND [options] OPERANDS [-- what a command of its own is].
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <vector>

#include "pkg/base/result.hh"

namespace weir::utility {

struct Option {
  std::string names;  // "-w,--timeout"
  std::string value;  // what the help calls its argument; empty: it is a flag
  std::string help;
  // Called for each time it is there, in order; with "" for a flag. An error is one of usage.
  std::function<Result<>(const std::string& argument)> take;
};

// Options that do no more than keep their argument.
Option flag(std::string names, std::string help, bool& out);
Option text(std::string names, std::string value, std::string help, std::string& out);

struct Command {
  std::string name;
  std::string operands;  // for the help: "NAME… -- COMMAND…"
  std::string help;
  std::vector<Option> options = {};
};

struct Usage {
  std::string name;
  std::string summary;
  std::vector<Command> commands;
  std::vector<Option> options;  // of every command
  std::string examples;
  std::string version;
};

struct Invocation {
  const Command* command = nullptr;  // points into the usage
  std::vector<std::string> operands = {};
  bool has_rest = false;  // there was a "--"
  std::vector<std::string> rest = {};
};

// What was asked for, or the exit code when that is settled already (--help, --version, an error that was
// told).
std::expected<Invocation, int> parse_command_line(int argc, char** argv, const Usage& usage);

// Tells what is wrong with the command line, and where help is; the exit code.
int usage_error(const Usage& usage, const std::string& message);

}  // namespace weir::utility
