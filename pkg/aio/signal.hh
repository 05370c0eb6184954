// Process signals as calls on a loop.
#pragma once

#include <functional>

#include "pkg/aio/loop.hh"

namespace weir::aio {

class SignalWatch {
 public:
  SignalWatch(Loop& loop, int signal_number, std::function<void()> on_signal);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  struct State;
  State* state_;  // deleted when libuv has let go of it
};

}  // namespace weir::aio
