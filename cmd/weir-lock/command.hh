// The command that runs while the lock is held. It is a plain child: standard input, output and error, the
// process group and the terminal are those that we were given.
//
// When the lock is lost all that has come of the command must end, also what a shell would leave behind: this
// process is the reaper of its orphans (PR_SET_CHILD_SUBREAPER), and so finds them.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "cmd/weir-lock/signals.hh"
#include "pkg/base/result.hh"

namespace weir::locking {

class Command {
 public:
  // `variables` ("NAME=value") come on top of our own environment.
  // Errors: not_found, refused (it cannot be executed), limit (no process to be had).
  static Result<Command> start(const std::vector<std::string>& argv,
                               const std::vector<std::string>& variables, const Signals& signals);

  // To be called on SIGCHLD.
  void reap();
  bool has_ended() const { return status_.has_value(); }
  // Nothing that has come of it is left.
  bool is_all_gone() const;
  int signal() const;       // that ended it; 0: it exited by itself
  int exit_status() const;  // of it, or 128 and its signal

  void send(int signal_number) const;
  void send_to_all(int signal_number) const;

 private:
  Command(pid_t pid, std::vector<pid_t> others) : pid_(pid), others_(std::move(others)) {}

  pid_t pid_;
  std::vector<pid_t> others_;  // children that were ours before: of a shell that has become us
  std::optional<int> status_;  // as waitpid has it
};

}  // namespace weir::locking
