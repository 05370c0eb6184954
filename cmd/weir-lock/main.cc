// weir-lock: runs commands under locks of weir-locker.

#include <cstdlib>

#include "cmd/weir-lock/look.hh"
#include "cmd/weir-lock/run.hh"
#include "pkg/utility/output.hh"

namespace {

using namespace weir;
using namespace weir::locking;

// Runs a task on a loop to its end.
int perform(aio::Loop& loop, aio::Task<int> task) {
  int status = 0;
  const auto body = [](aio::Loop& on, aio::Task<int> all, int& out) -> aio::Task<> {
    out = co_await std::move(all);
    on.stop();
  };
  aio::Scope scope(loop);
  loop.post([&] { scope.spawn(body(loop, std::move(task), status)); });
  loop.run();
  return status;
}

int run_command(const Options& options) {
  Signals signals;  // before the loop: it would change what it finds
  int status = 0;
  int last_signal = 0;
  {
    aio::Loop loop;
    Run run(loop, options, signals);
    status = perform(loop, run.perform());
    last_signal = run.last_signal();
  }
  if (last_signal != 0) die_by(last_signal);
  return status;
}

int run(const Options& options) {
  const bool has_command = !options.command.empty();
  if (has_command) return run_command(options);
  aio::Loop loop;
  switch (options.action) {
    case Action::run:
    case Action::elect:
    case Action::try_:
      return perform(loop, take_only(loop, options));
    case Action::wait:
      return perform(loop, wait_until_free(loop, options));
    case Action::release:
      return perform(loop, release(loop, options));
    case Action::ls:
      return perform(loop, list(loop, options));
    case Action::watch:
      return perform(loop, watch(loop, options));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  utility::keep_standard_descriptors();
  const auto options = parse_options(argc, argv);
  if (!options) return options.error();
  return run(*options);
}
