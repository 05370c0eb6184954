#include "pkg/daemon/cli.hh"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "pkg/base/text.hh"
#include "pkg/daemon/version.hh"

namespace weir::daemon {
namespace {

std::string default_config(const std::string& name) {
  const std::string short_name = name.starts_with("weir-") ? name.substr(5) : name;
  return "/etc/weir/" + short_name + ".toml";
}

// The first word of the command line that nothing knows, with what was probably meant.
std::string explain_unknown(const CLI::App& app, const std::vector<std::string>& words) {
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  const std::vector<std::string_view> names(known.begin(), known.end());
  for (const std::string& word : words) {
    if (!word.starts_with("--")) continue;
    const std::string flag = word.substr(0, word.find('='));
    if (std::ranges::find(known, flag) != known.end()) continue;
    const auto meant = did_you_mean(flag, names);
    return "unknown option " + flag + (meant ? "; did you mean " + std::string(*meant) + "?" : "");
  }
  return {};
}

struct Words {
  std::string config;
  std::string errors = "text";
  std::vector<std::string> set;
  bool check = false;
  bool print_config = false;
  bool print_sample = false;
  bool print_manual = false;
  bool version = false;
};

void add_options(CLI::App& app, Words& words, const AnyProgram& program,
                 std::vector<config::Setting>& settings) {
  app.add_option("-c,--config", words.config,
                 "read the config from FILE (default " + default_config(program.name) + ", where it exists)")
      ->type_name("FILE");
  for (const Flag& flag : program.flags) {
    const auto use = [&settings, &flag](const std::vector<std::string>& arguments) {
      for (const std::string& argument : arguments) {
        for (config::Setting& setting : flag.settings(argument)) settings.push_back(std::move(setting));
      }
      return true;
    };
    app.add_option(flag.name, use, flag.help)
        ->type_name(flag.value)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }
  app.add_option("--set", words.set, "set one key of the config: --set server.workers=2")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_flag("--check", words.check, "validate the config; print \"ok\", or every error");
  app.add_option("--errors", words.errors, "print config errors as text or json")->type_name("FORMAT");
  app.add_flag("--print-config", words.print_config, "print the config in force, annotated");
  app.add_flag("--print-sample", words.print_sample, "print a sample config with every key");
  app.add_flag("--print-manual", words.print_manual, "print the reference of all keys, in mdoc");
  app.add_flag("--version", words.version, "print version, commit and libraries");
}

std::string footer(const AnyProgram& program) {
  std::string text;
  if (!program.commands.empty()) {
    text += "Commands:\n";
    for (const Command& command : program.commands) {
      text += "  " + program.name + " " + command.name + " " + command.arguments + "\n      " + command.help +
              "\n";
    }
    text += "\n";
  }
  return text + "Examples:\n" + program.examples;
}

std::expected<CommandLine, int> usage_error(const std::string& name, const std::string& message) {
  std::cerr << name << ": " << message << "\nTry '" << name << " --help'.\n";
  return std::unexpected(kExitUsage);
}

std::expected<CommandLine, int> interpret(Words& words, const AnyProgram& program) {
  CommandLine line;
  for (const std::string& set : words.set) {
    const size_t equals = set.find('=');
    if (equals == std::string::npos || equals == 0) {
      return usage_error(program.name, "--set wants KEY=VALUE, such as --set server.workers=2");
    }
    line.input.settings.push_back({set.substr(0, equals), set.substr(equals + 1), "--set"});
  }
  if (words.errors != "text" && words.errors != "json") {
    return usage_error(program.name, "--errors wants text or json");
  }
  line.errors_as_json = words.errors == "json";
  line.input.file = words.config;
  if (words.config.empty() && access(default_config(program.name).c_str(), F_OK) == 0) {
    line.input.file = default_config(program.name);
  }
  using Action = CommandLine::Action;
  if (words.check) line.action = Action::check;
  if (words.print_config) line.action = Action::print_config;
  if (words.print_sample) line.action = Action::print_sample;
  if (words.print_manual) line.action = Action::print_manual;
  return line;
}

}  // namespace

std::expected<CommandLine, int> parse_command_line(int argc, char** argv, const AnyProgram& program) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const Command* command = nullptr;
  for (const Command& candidate : program.commands) {
    if (!arguments.empty() && arguments.front() == candidate.name) command = &candidate;
  }
  if (command != nullptr) arguments.erase(arguments.begin());

  CLI::App app(program.summary, program.name);
  app.footer(footer(program));
  Words words;
  std::vector<config::Setting> flag_settings;
  std::vector<std::string> rest;
  add_options(app, words, program, flag_settings);
  if (command != nullptr) app.add_option("arguments", rest)->group("");
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants them
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return std::unexpected(kExitFine);
  } catch (const CLI::ParseError& error) {
    const std::string unknown = explain_unknown(app, arguments);
    return usage_error(program.name, unknown.empty() ? error.what() : unknown);
  }
  if (words.version) {
    std::cout << version_text(program.name);
    return std::unexpected(kExitFine);
  }
  auto line = interpret(words, program);
  if (!line) return line;
  auto& settings = line->input.settings;
  settings.insert(settings.begin(), flag_settings.begin(), flag_settings.end());
  if (command != nullptr) {
    line->action = CommandLine::Action::command;
    line->command = command;
    line->arguments = std::move(rest);
  }
  return line;
}

}  // namespace weir::daemon
