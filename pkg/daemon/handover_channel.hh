// One end of a handover's socket, on a loop; and the socket file where a daemon waits for its successor.
#pragma once

#include "pkg/aio/readiness.hh"
#include "pkg/aio/task.hh"
#include "pkg/daemon/handover.hh"

namespace weir::daemon {

class HandoverChannel {
 public:
  static Result<HandoverChannel> open(aio::Loop& loop, aio::Descriptor socket);

  // One task at a time sends, and one receives. Sending waits as long as the other side does not read.
  aio::Task<Result<>> send(HandoverMessage message, aio::Deadline deadline);
  // Errors: closed, when the other side has gone; those of HandoverReader.
  aio::Task<Result<HandoverMessage>> receive(aio::Deadline deadline);
  // The same, where it must be of that kind: Errc::refused with the reason for `refused` and `aborted`.
  aio::Task<Result<HandoverMessage>> receive(HandoverMessage::Kind wanted, aio::Deadline deadline);

  // The process at the other end, which must run as the same user or as root.
  Result<pid_t> check_peer() const;

 private:
  enum class Received { nothing_yet, part, message };

  HandoverChannel() = default;
  aio::Task<Result<>> send_packet(std::string packet, std::vector<int> descriptors, aio::Deadline deadline);
  Result<Received> receive_packet(std::vector<aio::Descriptor>& descriptors);

  aio::Loop* loop_ = nullptr;
  aio::Descriptor socket_;
  aio::Readiness readable_;
  aio::Readiness writable_;
  HandoverReader reader_;
  uint64_t messages_ = 0;  // sent and received
};

// Listens on a Unix path that only this user can connect to. A file that nobody serves any more is replaced.
Result<aio::Descriptor> open_handover_socket(const std::string& path);
Result<aio::Descriptor> connect_handover_socket(const std::string& path);
// A connection that waits there; none is Errc::unavailable.
Result<aio::Descriptor> accept_handover(const aio::Descriptor& listening);

// Bytes of any number as a descriptor that can be passed, and back.
Result<aio::Descriptor> to_memfd(std::string_view bytes);
Result<std::string> from_memfd(const aio::Descriptor& memfd);

}  // namespace weir::daemon
