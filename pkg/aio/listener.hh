// Accepts connections from a listening socket on a loop.
#pragma once

#include <functional>

#include "pkg/aio/socket.hh"
#include "pkg/aio/stream.hh"

namespace weir::aio {

class Listener {
 public:
  // `on_connection` is called on the loop's thread with each new stream, which already receives.
  using OnConnection = std::function<void(Stream)>;

  static Result<Listener> start(Loop& loop, Descriptor socket, OnConnection on_connection);
  Listener(Listener&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  Listener& operator=(Listener&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Listener();  // closes at once: connections that wait in the kernel's queue are reset

  // Stops without resetting anyone: the kernel takes no new connection, those in its queue are accepted,
  // then the socket is closed. Ends within about a second.
  Task<> drain();

  struct State;

 private:
  explicit Listener(State* state) : state_(state) {}
  State* state_ = nullptr;
};

}  // namespace weir::aio
