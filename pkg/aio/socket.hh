// Listening sockets as descriptors, opened before the loops run: who opens them may still be root, and a
// reload hands them on without ever closing one (closing an SO_REUSEPORT socket resets its backlog).
#pragma once

#include <utility>
#include <vector>

#include "pkg/base/address.hh"

namespace weir::aio {

// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// One listening socket for each of `count` loops: SO_REUSEPORT siblings for TCP (the kernel spreads
// connections over them), duplicates of one for Unix and inherited sockets. Port 0 takes a free port.
// A stale Unix socket file is removed; one that someone serves is Errc::refused, as a port in use is.
Result<std::vector<Descriptor>> open_listening(const Address& address, size_t count);

// The same for datagrams: UDP siblings, or duplicates of an inherited socket.
Result<std::vector<Descriptor>> open_datagram(const Address& address, size_t count);
// Another descriptor of the same socket.
Result<Descriptor> duplicate(int fd);
inline Result<Descriptor> duplicate(const Descriptor& descriptor) {
  return duplicate(descriptor.get());
}

// More siblings to sockets that are open, until there are `count`: of SO_REUSEPORT, or duplicates where that
// is not possible.
Result<> add_siblings(std::vector<Descriptor>& sockets, size_t count);

// Where a socket listens; says the port that was taken for port 0.
Result<Address> local_address(int fd);

// From here on the kernel ignores new connections to this TCP socket, while those in its queue can still be
// accepted: so a listener can be closed without resetting anyone. Clients try again, and are refused then.
void refuse_new_connections(int fd);
// How many connections wait to be accepted on a TCP socket; 0 for others.
unsigned accept_queue_length(int fd);

}  // namespace weir::aio
