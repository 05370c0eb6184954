// Starting this program anew, to take over.

#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "pkg/daemon/predecessor.hh"
#include "pkg/daemon/successor.hh"

namespace weir::daemon {
namespace {

// Ours, but for what is meant for this process alone.
std::vector<std::string> environment_for_successor(int socket) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (!text.starts_with("WATCHDOG_PID=")) variables.emplace_back(text);
  }
  variables.push_back(std::string(kHandoverVariable) + "=" + std::to_string(socket));
  return variables;
}

int open_process(pid_t pid) {
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

Result<StartedSuccessor> start_successor(const std::vector<std::string>& command) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return fail_errno("make a pair of sockets", errno);
  aio::Descriptor ours(ends[0]);
  const aio::Descriptor theirs(ends[1]);
  std::vector<std::string> arguments = command;
  std::vector<std::string> variables = environment_for_successor(theirs.get());
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), theirs.get());  // it alone stays open
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, arguments.front().c_str(), &actions, &attributes,
                                 pointers(arguments).data(), pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return fail_errno("start " + command.front(), error);
  return StartedSuccessor{pid, std::move(ours), aio::Descriptor(open_process(pid))};
}

void kill_successor(const aio::Descriptor& process) {
  (void)syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);  // it may have ended
}

aio::Task<> reap(aio::Loop& loop, pid_t pid) {
  const aio::Descriptor process(open_process(pid));
  if (!process.is_open()) co_return;
  auto ended = aio::Readiness::watch(loop, process.get(), aio::Readiness::For::reading);
  if (!ended) co_return;
  const auto waited = co_await ended->wait(aio::Deadline::never());
  if (waited) (void)waitpid(pid, nullptr, WNOHANG);
}

}  // namespace weir::daemon
