// main() of a daemon: its name and help, its config's table, how its service is made.
//
//   int main(int argc, char** argv) {
//     daemon::Program<Config> program{.name = "weir-echo", ..., .table = config_table(), .make =
//     make_service, ...}; return daemon::run(argc, argv, program);
//   }
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pkg/config/load.hh"
#include "pkg/config/output.hh"
#include "pkg/daemon/sections.hh"
#include "pkg/daemon/service.hh"

namespace weir::daemon {

// sysexits(3), as far as they are used.
enum ExitCode { kExitFine = 0, kExitUsage = 64, kExitUnavailable = 69, kExitInternal = 70, kExitConfig = 78 };

// A short way to set config keys from the command line: --listen 127.0.0.1:80
struct Flag {
  std::string name;   // "--listen"
  std::string value;  // what the help calls its argument
  std::string help;
  // What the flag's argument sets.
  std::function<std::vector<config::Setting>(const std::string& argument)> settings;
};

// A config in force, without its type.
struct AnyConfig {
  std::shared_ptr<const void> config;
  ServerSection server;
  AdminSection admin;
  LogSection log;
  std::vector<ListenPoint> listen_points;
  std::string printed;  // annotated TOML
  std::string json;     // masked
};

// A sub-command such as `replay`: `arguments` are what follows its name, but for the frame's own flags.
struct Command {
  std::string name;
  std::string arguments;  // for the help: "FILE..."
  std::string help;
  std::function<int(const AnyConfig& config, const std::vector<std::string>& arguments)> run;
};

// A Program without its type: what the frame works with.
struct AnyProgram {
  std::string name;
  std::string summary;
  std::string examples;
  std::vector<Flag> flags;
  std::vector<Command> commands;
  std::function<std::expected<AnyConfig, config::Problems>(const config::Input&)> load;
  std::function<std::string()> sample;
  std::function<std::string()> manual;
  std::function<Result<std::unique_ptr<Service>>(Frame&, const AnyConfig&)> make;
  std::function<Result<>(Service&, const AnyConfig&)> reload;
  std::function<std::vector<std::string>(const AnyConfig& before, const AnyConfig& after)>
      changed_restart_keys;
};

int run(int argc, char** argv, const AnyProgram& program);
// Those of server.listen.
std::vector<ListenPoint> listen_points_of(const ServerSection& server);

template <typename Config>
struct Program {
  std::string name;      // "weir-echo"
  std::string summary;   // one line
  std::string examples;  // for --help: lines as they would be typed, with what they do
  config::Table<Config> table;
  std::vector<Flag> flags = {};
  std::vector<Command> commands = {};
  // Errors end the start with kExitConfig.
  std::function<Result<std::unique_ptr<Service>>(Frame&, const Config&)> make;
  // Puts a new config in force; with an error the old one stays.
  std::function<Result<>(Service&, const Config&)> reload;
  // Where to listen; without it, on the addresses of server.listen.
  std::function<std::vector<ListenPoint>(const Config&)> listen_points = {};
};

template <typename Config>
int run(int argc, char** argv, const Program<Config>& program) {
  const auto typed = [](const AnyConfig& any) -> const Config& {
    return *static_cast<const Config*>(any.config.get());
  };
  AnyProgram any;
  any.name = program.name;
  any.summary = program.summary;
  any.examples = program.examples;
  any.flags = program.flags;
  any.commands = program.commands;
  any.load = [&program](const config::Input& input) -> std::expected<AnyConfig, config::Problems> {
    auto loaded = config::load(program.table, input);
    if (!loaded) return std::unexpected(std::move(loaded.error()));
    AnyConfig made;
    made.printed = config::print(program.table, *loaded);
    made.json = config::json(program.table, loaded->value);
    made.server = loaded->value.server;
    made.admin = loaded->value.admin;
    made.log = loaded->value.log;
    made.listen_points =
        program.listen_points ? program.listen_points(loaded->value) : listen_points_of(made.server);
    made.config = std::make_shared<const Config>(std::move(loaded->value));
    return made;
  };
  any.sample = [&program] { return config::sample(program.table); };
  any.manual = [&program] { return config::manual(program.table); };
  any.make = [&program, typed](Frame& frame, const AnyConfig& config) {
    return program.make(frame, typed(config));
  };
  any.reload = [&program, typed](Service& service, const AnyConfig& config) {
    return program.reload(service, typed(config));
  };
  any.changed_restart_keys = [&program, typed](const AnyConfig& before, const AnyConfig& after) {
    return config::changed_restart_keys(program.table, typed(before), typed(after));
  };
  return run(argc, argv, any);
}

}  // namespace weir::daemon
