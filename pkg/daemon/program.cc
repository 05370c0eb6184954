#include "pkg/daemon/program.hh"

#include <iostream>

#include "pkg/daemon/cli.hh"
#include "pkg/daemon/lifecycle.hh"

namespace weir::daemon {
namespace {

int report(const AnyProgram& program, const CommandLine& line, const config::Problems& problems) {
  if (line.errors_as_json) {
    std::cout << config::to_json(problems) << "\n";
  } else {
    for (const config::Problem& problem : problems)
      std::cerr << program.name << ": " << config::render(problem) << "\n";
  }
  return kExitConfig;
}

}  // namespace

std::vector<ListenPoint> listen_points_of(const ServerSection& server) {
  std::vector<ListenPoint> points;
  for (const Address& address : server.listen) points.push_back({address.to_string(), address});
  return points;
}

int run(int argc, char** argv, const AnyProgram& program) {
  auto line = parse_command_line(argc, argv, program);
  if (!line) return line.error();
  using Action = CommandLine::Action;
  if (line->action == Action::print_sample) {
    std::cout << program.sample();
    return kExitFine;
  }
  if (line->action == Action::print_manual) {
    std::cout << program.manual();
    return kExitFine;
  }
  auto config = program.load(line->input);
  if (!config) return report(program, *line, config.error());
  int code = kExitFine;
  switch (line->action) {
    case Action::check:
      std::cout << "ok\n";
      break;
    case Action::print_config:
      std::cout << config->printed;
      break;
    case Action::command:
      code = line->command->run(*config, line->arguments);
      break;
    case Action::serve:
      code = Lifecycle(program, line->input, std::move(*config), std::vector<std::string>(argv, argv + argc))
                 .run();
      break;
    case Action::print_sample:
    case Action::print_manual:
      break;
  }
  log::flush();
  return code;
}

}  // namespace weir::daemon
