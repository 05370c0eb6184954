// A session that is kept alive for as long as this object lives, and watched over: whether what it holds must
// be taken as lost.
//
// The server counts its time to live from when it received the last sign of life; we from when we sent it, by
// a clock that goes on while the machine sleeps. So our end of it comes first, whatever the network does.
#pragma once

#include <memory>

#include "cmd/weir-lock/boot_clock.hh"
#include "cmd/weir-lock/server.hh"
#include "pkg/aio/scope.hh"
#include "pkg/base/random.hh"

namespace weir::locking {

class Session {
 public:
  enum class Loss {
    none,
    expired,      // the server does not know the session any more
    taken,        // the server does not know that it holds the lock any more
    unreachable,  // for so long that it may have expired
  };
  struct Settings {
    ServerSettings server;
    // Before the end, unreachable is lost: time that is left to end what relies on the lock.
    Duration margin{0};
  };

  // `sent`: when the request went out that began it. `on_loss` is called once, and may not destroy this.
  Session(aio::Loop& loop, const Settings& settings, SessionState state, BootTime sent,
          std::function<void()> on_loss);
  ~Session();  // after close()

  // It holds these now, and looks that it goes on to.
  void holds(std::vector<std::string> names);

  const std::string& id() const { return id_; }
  Loss loss() const { return loss_; }
  BootTime last_answer() const { return last_answer_; }
  // Keeps it alive no longer; it ends when its time has come, or with Server::end_session().
  aio::Scope::Join close() { return tasks_.close(); }

 private:
  aio::Task<> keep_alive();
  aio::Task<> follow(std::string name);
  aio::Task<bool> follow_once(Server& server, const std::string& name);
  void take_in(const Reply<SessionState>& reply, BootTime sent);
  void lose(Loss loss);

  aio::Loop& loop_;
  const Settings settings_;
  const std::string id_;
  const Duration ttl_;
  const std::function<void()> on_loss_;
  std::vector<std::string> held_;
  BootTime held_since_{};
  BootTime last_answer_;
  unsigned failures_ = 0;  // in a row
  Loss loss_ = Loss::none;
  Random random_;
  BootTimer end_;
  BootTimer next_;  // sign of life
  aio::Event is_due_;
  aio::Scope tasks_;
};

}  // namespace weir::locking
