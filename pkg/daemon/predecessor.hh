// The process that this one takes over from, as this one sees it (the messages: handover.hh).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pkg/daemon/handover_channel.hh"
#include "pkg/daemon/service.hh"

namespace weir::daemon {

// What it leaves to this one.
struct Inheritance {
  std::map<std::string, std::vector<aio::Descriptor>> sockets;  // by the keys of who listens
  std::vector<StateBlob> state;
};

class Predecessor {
 public:
  // The process that has started this one to be its successor, or else one that waits at `path` (where that
  // is not empty); null: there is none.
  static std::unique_ptr<Predecessor> find(aio::Loop& loop, const std::string& path);

  Predecessor(aio::Loop& loop, HandoverChannel channel, bool has_started_us)
      : loop_(loop), channel_(std::move(channel)), has_started_us_(has_started_us) {}
  bool has_started_us() const { return has_started_us_; }

  // Errors: refused, with its reason; others, when it does not behave or has gone.
  aio::Task<Result<Inheritance>> take(std::string program);
  // This process serves, at the points of these keys. Then gives what still comes to `on_tunnel`, until the
  // other one has left; `on_settled` is called when it has stopped accepting. Errc::refused: it has changed
  // its mind and goes on; this one is to end.
  aio::Task<Result<>> follow(std::vector<std::string> keys, std::function<void(PassedTunnel)> on_tunnel,
                             std::function<void()> on_settled);

 private:
  Result<> add(Inheritance& inheritance, HandoverMessage message);

  aio::Loop& loop_;
  HandoverChannel channel_;
  const bool has_started_us_;
};

// The descriptor's number, in the environment of a process that was started to take over.
constexpr const char* kHandoverVariable = "WEIR_HANDOVER_FD";

}  // namespace weir::daemon
