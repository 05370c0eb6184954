#include "cmd/weir-lock/command.hh"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "pkg/aio/socket.hh"
#include "pkg/utility/exit.hh"

extern char** environ;

namespace weir::locking {

namespace {

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

std::string_view name_of(std::string_view variable) {
  return variable.substr(0, variable.find('='));
}

std::vector<std::string> environment_with(const std::vector<std::string>& variables) {
  std::vector<std::string> all = variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    bool is_replaced = false;
    for (const std::string& ours : variables) is_replaced |= name_of(ours) == name_of(*variable);
    if (!is_replaced) all.emplace_back(*variable);
  }
  return all;
}

// In the child: system calls only, for another thread may have held any lock when we forked.
[[noreturn]] void become(char** argv, char** environment, const Signals& signals, pid_t parent, int report) {
  // Who holds the lock no longer lives: neither may its command.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) raise(SIGTERM);
  signals.restore();
  execvpe(argv[0], argv, environment);
  const int error = errno;
  (void)!write(report, &error, sizeof error);
  _exit(127);
}

std::vector<pid_t> children_of(pid_t pid) {
  const std::string place = "/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children";
  std::ifstream file(place);
  return {std::istream_iterator<pid_t>(file), {}};
}

// All that descend from a process, itself not among them; without those, and what descends from them.
void append_descendants(pid_t pid, const std::vector<pid_t>& without, std::vector<pid_t>& out) {
  for (const pid_t child : children_of(pid)) {
    if (std::ranges::find(without, child) != without.end()) continue;
    out.push_back(child);
    append_descendants(child, without, out);
  }
}

}  // namespace

Result<Command> Command::start(const std::vector<std::string>& argv,
                               const std::vector<std::string>& variables, const Signals& signals) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail_errno("starting the command", errno);
  const aio::Descriptor report(ends[0]);
  aio::Descriptor child_end(ends[1]);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  const std::vector<std::string> environment = environment_with(variables);
  const std::vector<char*> arguments = pointers_to(argv);
  const std::vector<char*> environment_pointers = pointers_to(environment);
  const pid_t parent = getpid();
  std::vector<pid_t> others = children_of(parent);
  const pid_t pid = fork();
  if (pid < 0) return fail(Errc::limit, std::string("starting the command: ") + strerror(errno));
  if (pid == 0) {
    become(const_cast<char**>(arguments.data()), const_cast<char**>(environment_pointers.data()), signals,
           parent, child_end.get());
  }
  child_end = aio::Descriptor();
  int error = 0;
  ssize_t count = 0;
  do {
    count = read(report.get(), &error, sizeof error);
  } while (count < 0 && errno == EINTR);
  if (count <= 0) return Command(pid, std::move(others));  // the pipe closed with the exec
  waitpid(pid, nullptr, 0);
  const bool is_missing = error == ENOENT || error == ENOTDIR;
  return fail(is_missing ? Errc::not_found : Errc::refused, argv.front() + ": " + strerror(error));
}

void Command::reap() {
  for (;;) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid < 0 && errno == EINTR) continue;
    if (pid <= 0) return;
    if (pid == pid_) status_ = status;
  }
}

bool Command::is_all_gone() const {
  std::vector<pid_t> all;
  append_descendants(getpid(), others_, all);
  return all.empty();
}

int Command::signal() const {
  return status_ && WIFSIGNALED(*status_) ? WTERMSIG(*status_) : 0;
}

int Command::exit_status() const {
  return signal() != 0 ? utility::kExitSignal + signal() : WEXITSTATUS(status_.value_or(0));
}

void Command::send(int signal_number) const {
  if (!has_ended()) kill(pid_, signal_number);
}

void Command::send_to_all(int signal_number) const {
  std::vector<pid_t> all;
  append_descendants(getpid(), others_, all);
  for (const pid_t pid : all) kill(pid, signal_number);
}

}  // namespace weir::locking
