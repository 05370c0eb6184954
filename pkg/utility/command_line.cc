#include "pkg/utility/command_line.hh"

#include <CLI/CLI.hpp>
#include <iostream>

#include "pkg/base/text.hh"
#include "pkg/utility/exit.hh"

namespace weir::utility {

namespace {

void add_option(CLI::App& app, const Option& option) {
  const auto use = [&option](const std::vector<std::string>& arguments) {
    for (const std::string& argument : arguments) {
      const auto taken = option.take(argument);
      if (!taken) throw CLI::ValidationError(option.names, taken.error().message);
    }
    return true;
  };
  if (option.value.empty()) {
    app.add_flag_callback(
        option.names, [&option] { (void)option.take(""); }, option.help);
    return;
  }
  app.add_option(option.names, use, option.help)
      ->type_name(option.value)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

// The first word of the command line that nothing knows, with what was probably meant.
std::string explain_unknown(const CLI::App& app, const std::vector<std::string>& words) {
  std::vector<std::string> options;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) options.push_back("--" + name);
  }
  const std::vector<std::string_view> known(options.begin(), options.end());
  for (const std::string& word : words) {
    if (!word.starts_with("--")) continue;
    const std::string name = word.substr(0, word.find('='));
    if (std::ranges::find(options, name) != options.end()) continue;
    const auto meant = did_you_mean(name, known);
    return "unknown option " + name + (meant ? "; did you mean " + std::string(*meant) + "?" : "");
  }
  return {};
}

std::string footer(const Usage& usage) {
  std::string text = "Commands:\n";
  for (const Command& command : usage.commands) {
    text +=
        "  " + usage.name + " " + command.name + " " + command.operands + "\n      " + command.help + "\n";
  }
  return text + "\n'" + usage.name + " COMMAND --help' tells a command's own options.\n\nExamples:\n" +
         usage.examples;
}

// CLI11 knows nothing of what stands behind the options.
std::string help_text(const CLI::App& app, const Command* command) {
  constexpr std::string_view kOptions = "[OPTIONS]";
  std::string text = app.help();
  const size_t place = text.find(kOptions);
  if (place == std::string::npos) return text;
  const std::string usage = command != nullptr ? "[OPTIONS] " + command->operands : "COMMAND [OPTIONS] …";
  return text.replace(place, text.find('\n', place) - place, usage);
}

const Command* find(const Usage& usage, const std::string& name) {
  for (const Command& command : usage.commands) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

// Where the command's name stands: the first word that is neither an option nor an option's argument.
size_t command_place(const Usage& usage, const std::vector<std::string>& words) {
  const auto wants_argument = [&](const std::string& word) {
    for (const Option& option : usage.options) {
      for (const std::string_view name : split(option.names, ',')) {
        if (name == word) return !option.value.empty();
      }
    }
    return false;
  };
  size_t at = 0;
  while (at < words.size() && words[at].starts_with('-')) at += wants_argument(words[at]) ? 2 : 1;
  return std::min(at, words.size());
}

int unknown_command(const Usage& usage, const std::string& word) {
  std::vector<std::string_view> names;
  for (const Command& command : usage.commands) names.push_back(command.name);
  const auto meant = did_you_mean(word, names);
  return usage_error(usage, "unknown command \"" + word + "\"" +
                                (meant ? "; did you mean " + std::string(*meant) + "?" : ""));
}

// The words without the command's name and what is behind "--". An exit code when all is settled.
std::optional<int> parse_words(const Usage& usage, Invocation& invocation,
                               const std::vector<std::string>& words) {
  const Command* const command = invocation.command;
  CLI::App app(command != nullptr ? command->help : usage.summary,
               command != nullptr ? usage.name + " " + command->name : usage.name);
  bool wants_version = false;
  app.add_flag("--version", wants_version, "print the version and the libraries' versions");
  for (const Option& option : usage.options) add_option(app, option);
  if (command != nullptr) {
    for (const Option& option : command->options) add_option(app, option);
    app.add_option("operands", invocation.operands)->group("");
  } else {
    app.footer(footer(usage));
  }
  try {
    std::vector<std::string> reversed(words.rbegin(), words.rend());  // as CLI11 wants them
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    std::cout << help_text(app, command);
    return kExitFine;
  } catch (const CLI::ParseError& error) {
    const std::string unknown = explain_unknown(app, words);
    return usage_error(usage, unknown.empty() ? error.what() : unknown);
  }
  if (wants_version) {
    std::cout << usage.version;
    return kExitFine;
  }
  if (command == nullptr) return usage_error(usage, "no command is given");
  return std::nullopt;
}

}  // namespace

Option flag(std::string names, std::string help, bool& out) {
  return {std::move(names), "", std::move(help), [&out](const std::string&) {
            out = true;
            return Result<>();
          }};
}

Option text(std::string names, std::string value, std::string help, std::string& out) {
  return {std::move(names), std::move(value), std::move(help), [&out](const std::string& argument) {
            out = argument;
            return Result<>();
          }};
}

int usage_error(const Usage& usage, const std::string& message) {
  std::cerr << usage.name << ": " << message << "\nTry '" << usage.name << " --help'.\n";
  return kExitUsage;
}

std::expected<Invocation, int> parse_command_line(int argc, char** argv, const Usage& usage) {
  std::vector<std::string> words(argv + 1, argv + argc);
  Invocation invocation;
  const auto dashes = std::ranges::find(words, "--");
  if (dashes != words.end()) {
    invocation.has_rest = true;
    invocation.rest.assign(dashes + 1, words.end());
    words.erase(dashes, words.end());
  }
  const size_t place = command_place(usage, words);
  if (place < words.size()) {
    invocation.command = find(usage, words[place]);
    if (invocation.command == nullptr) return std::unexpected(unknown_command(usage, words[place]));
    words.erase(words.begin() + static_cast<ptrdiff_t>(place));
  }
  const auto settled = parse_words(usage, invocation, words);
  if (settled) return std::unexpected(*settled);
  return invocation;
}

}  // namespace weir::utility
