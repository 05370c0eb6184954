// Runs a command to its end. No shell comes between: an argument is an argument whatever it holds.
//
// The command leads a process group of its own. When it ends, when its deadline passes or when its task is
// cancelled, what is left of that group is killed, and the await goes on only when the command has been
// reaped: there are no zombies, and no process outlives the check that started it (but one that left the
// group).
#pragma once

#include <string>
#include <vector>

#include "pkg/aio/task.hh"
#include "pkg/base/result.hh"
#include "pkg/base/units.hh"

namespace weir::aio {

class Deadline;

struct Command {
  std::vector<std::string> argv;  // the program first; looked up in PATH where it has no slash
  // "NAME=value"; the whole environment, but for PATH, which is ours where none is given here.
  std::vector<std::string> environment;
  Bytes most_output{4096};  // of standard output and standard error together; what is beyond is dropped
};

struct Ended {
  int status = 0;  // of exit(); meaningless when a signal ended it
  int signal = 0;  // 0: it exited by itself
  std::string output;
  bool output_cut = false;

  bool succeeded() const { return signal == 0 && status == 0; }
};

// Standard input is /dev/null; of the other descriptors only standard output and error reach the command.
// Errors: invalid (no program named), not_found and refused (it cannot be executed), limit (no descriptor or
// process to be had), timed_out, cancelled.
Task<Result<Ended>> run_command(Loop& loop, Command command, Deadline deadline);

}  // namespace weir::aio
