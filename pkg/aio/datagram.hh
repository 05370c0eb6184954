// UDP sockets for coroutines: datagrams are received and sent many in one system call (recvmmsg(2),
// sendmmsg(2)), and what the kernel doesn't take at once is dropped and counted, as UDP is.
#pragma once

#include <span>

#include "pkg/aio/readiness.hh"
#include "pkg/aio/socket.hh"
#include "pkg/base/hash.hh"

namespace weir::aio {

// An IP address and port; what Address is, without what UDP has no use for.
struct Endpoint {
  IpAddress ip;
  uint16_t port = 0;
  Address to_address() const;
  std::string to_string() const { return to_address().to_string(); }
  bool operator==(const Endpoint&) const = default;
};

// Keyed, for a peer chooses its own address or claims one.
struct EndpointHash {
  HashKey key = HashKey::random();
  size_t operator()(const Endpoint& endpoint) const;
};

struct Datagram {
  Endpoint peer;  // who sent it; who it is for
  // The address of ours that it came to, where the socket is bound to all of them; an answer leaves from
  // there, or its receiver doesn't know it. :: lets the kernel choose.
  IpAddress local;
  std::string_view bytes;
};

// The memory that datagrams are received into; sockets of one loop may share it. What stands in it is valid
// until the next receive(), so it must be dealt with before the task waits again.
class DatagramBatch {
 public:
  DatagramBatch();
  ~DatagramBatch();
  DatagramBatch(const DatagramBatch&) = delete;
  DatagramBatch& operator=(const DatagramBatch&) = delete;
  std::span<const Datagram> datagrams() const { return {datagrams_.data(), count_}; }

  static constexpr size_t kMost = 32;
  static constexpr size_t kMostBytes = 64 * 1024;  // no datagram is larger

 private:
  friend class DatagramSocket;
  struct Memory;
  std::unique_ptr<Memory> memory_;
  std::vector<Datagram> datagrams_;
  size_t count_ = 0;
};

class DatagramSocket {
 public:
  // A bound socket, as open_datagram() gives them.
  static Result<DatagramSocket> adopt(Loop& loop, Descriptor socket);
  // A socket that talks with one peer only, and learns that nobody is there (ICMP).
  static Result<DatagramSocket> connect(Loop& loop, const Address& peer);

  // Waits for datagrams and takes up to kMost; how many. Errors: timed_out, cancelled, refused (the peer of a
  // connected socket is not there; it may be later).
  Task<Result<size_t>> receive(DatagramBatch& batch, Deadline deadline);

  struct Sent {
    size_t sent = 0;
    size_t dropped = 0;
    int error = 0;  // the last one's errno value, but for a full buffer
  };
  // Sends what the kernel takes at once. To `peer` of each, or to the peer that the socket is connected to.
  Sent send(std::span<const Datagram> datagrams);

  int descriptor() const { return fd_.get(); }

 private:
  DatagramSocket(Descriptor fd, Readiness readable) : fd_(std::move(fd)), readable_(std::move(readable)) {}
  Result<size_t> receive_now(DatagramBatch& batch);

  Descriptor fd_;
  Readiness readable_;
  int family_ = 0;
  bool is_connected_ = false;
};

}  // namespace weir::aio
