#include "cmd/weir-lock/signals.hh"

#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdlib>

namespace weir::locking {

namespace {

bool is_ignored(int number) {
  struct sigaction action {};
  return sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

Signals::Signals() : was_pipe_ignored_(is_ignored(SIGPIPE)) {
  signal(SIGCHLD, SIG_DFL);  // ignored, it would hide how the command ended
  sigset_t taken;
  sigemptyset(&taken);
  sigaddset(&taken, SIGCHLD);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) {
    if (!is_ignored(number)) sigaddset(&taken, number);
  }
  sigprocmask(SIG_BLOCK, &taken, &mask_before_);
  descriptor_ = aio::Descriptor(signalfd(-1, &taken, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!descriptor_.is_open()) abort();  // no descriptors: nothing could be run
}

void Signals::watch(aio::Loop& loop, std::function<void(Received)> on_signal) {
  on_signal_ = std::move(on_signal);
  watch_.emplace(loop, descriptor_.get(), [this](bool, bool) { receive(); });
  watch_->set(true, false);
}

void Signals::receive() {
  signalfd_siginfo info{};
  while (read(descriptor_.get(), &info, sizeof info) == sizeof info)
    on_signal_({static_cast<int>(info.ssi_signo), info.ssi_code == SI_KERNEL});
}

void Signals::restore() const {
  signal(SIGPIPE, was_pipe_ignored_ ? SIG_IGN : SIG_DFL);
  sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
}

void die_by(int number) {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  signal(number, SIG_DFL);
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, number);
  raise(number);
  sigprocmask(SIG_UNBLOCK, &one, nullptr);
  _exit(128 + number);
}

}  // namespace weir::locking
