// The signals of this process, taken from a descriptor: only there it is told who has sent them. A signal
// that was ignored when we were started stays ignored, here and by the command (nohup, and what shells put
// into the background).
#pragma once

#include <csignal>
#include <functional>
#include <optional>

#include "pkg/aio/descriptor_watch.hh"
#include "pkg/aio/socket.hh"

namespace weir::locking {

class Signals {
 public:
  // Before any thread is started and any loop made. Blocks them.
  Signals();

  struct Received {
    int number = 0;
    // The kernel has sent it, for a terminal has to all of the foreground: the command has it as well.
    bool is_from_terminal = false;
  };
  void watch(aio::Loop& loop, std::function<void(Received)> on_signal);
  void unwatch() { watch_.reset(); }

  // In a child between fork and exec: everything as it was when we were started.
  void restore() const;

 private:
  void receive();

  sigset_t mask_before_;
  bool was_pipe_ignored_;
  aio::Descriptor descriptor_;
  std::function<void(Received)> on_signal_;
  std::optional<aio::DescriptorWatch> watch_;
};

// Ends this process by the signal itself, so that whoever waits for it sees why.
[[noreturn]] void die_by(int number);

}  // namespace weir::locking
