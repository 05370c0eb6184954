// Tells when somebody else's descriptor can be read or written: for libraries that bring their own sockets.
#pragma once

#include <functional>

#include "pkg/aio/loop.hh"

namespace weir::aio {

class DescriptorWatch {
 public:
  // `on_ready` may destroy the watch. A descriptor that failed is ready for both: reading it says why.
  using OnReady = std::function<void(bool readable, bool writable)>;

  DescriptorWatch(Loop& loop, int fd, OnReady on_ready);
  ~DescriptorWatch();  // before the descriptor is closed
  DescriptorWatch(const DescriptorWatch&) = delete;
  DescriptorWatch& operator=(const DescriptorWatch&) = delete;

  // What to wait for from now on; nothing at first.
  void set(bool readable, bool writable);

 private:
  struct State;
  State* state_;  // deleted when libuv has let go of it
};

}  // namespace weir::aio
