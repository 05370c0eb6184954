// The process that takes over from this one, as this one sees it (the messages: handover.hh); and starting
// it.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "pkg/daemon/handover_channel.hh"
#include "pkg/daemon/service.hh"

namespace weir::daemon {

// A listening socket that is offered: under its key, one of as many as there are.
struct OfferedSocket {
  std::string key;
  aio::Descriptor socket;
};

class Successor {
 public:
  Successor(aio::Loop& loop, HandoverChannel channel)
      : loop_(loop), channel_(std::move(channel)), sending_(loop) {}

  // Each of these in turn. Who it is; errors are told to it.
  aio::Task<Result<>> greet(std::string program);
  aio::Task<> refuse(std::string reason);
  // The keys of the points that it serves now.
  aio::Task<Result<std::vector<std::string>>> offer(std::vector<OfferedSocket> sockets,
                                                    std::vector<StateBlob> state);
  // From then on tunnels are passed, in the order in which they come, while others things go on.
  void pass(PassedTunnel tunnel);
  // Until it has got all that was passed before, and still lives.
  aio::Task<Result<>> settle();
  // It is to end.
  aio::Task<> abort(std::string reason);
  // Until all that was passed has been sent, but no longer than that; then lets go of it.
  aio::Task<> close(aio::Deadline deadline);

 private:
  aio::Task<> send_queue();
  void push(HandoverMessage message);

  aio::Loop& loop_;
  HandoverChannel channel_;
  std::deque<HandoverMessage> queue_;
  bool is_sending_ = false;
  bool broken_ = false;
  aio::Scope sending_;
};

// The program of this process, started anew as it was started (found by its name, so that a file that was
// replaced is the new one); with the socket over which it takes over.
struct StartedSuccessor {
  pid_t pid;
  aio::Descriptor socket;
  aio::Descriptor process;  // a pidfd
};
Result<StartedSuccessor> start_successor(const std::vector<std::string>& command);
void kill_successor(const aio::Descriptor& process);
// Until that child has ended; or, cancelled, no longer.
aio::Task<> reap(aio::Loop& loop, pid_t pid);

}  // namespace weir::daemon
