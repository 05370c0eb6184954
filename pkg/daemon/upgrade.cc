// A daemon's binary is replaced in place: the new process takes over from the old one (handover.hh). Both
// sides are here, as the parts of a Lifecycle; all of it happens on the main thread, while the workers serve.

#include <unistd.h>

#include <algorithm>

#include "pkg/daemon/lifecycle.hh"
#include "pkg/daemon/log.hh"
#include "pkg/daemon/systemd.hh"
#include "pkg/daemon/version.hh"

namespace weir::daemon {
namespace {

using namespace std::chrono_literals;

std::string admin_key(const Address& address) {
  return "admin " + address.to_string();
}

std::string handover_key(const Address& address) {
  return "handover " + address.to_string();
}

Result<> copy_to(std::vector<OfferedSocket>& offered, const std::string& key, const aio::Descriptor& socket) {
  auto copy = aio::duplicate(socket);
  if (!copy) return std::unexpected(std::move(copy.error()));
  offered.push_back({key, std::move(*copy)});
  return {};
}

}  // namespace

// The new process's side.

int Lifecycle::take_over() {
  const auto& waiting = config_.server.handover;
  predecessor_ = Predecessor::find(loop_, waiting ? waiting->text : std::string());
  if (!predecessor_) return kExitFine;
  loop_.post([this] { frame_.spawn(take_from_predecessor()); });
  loop_.run();
  // Who was started to take over and may not has nothing else to do.
  return state_ == State::ended ? kExitUnavailable : kExitFine;
}

aio::Task<> Lifecycle::take_from_predecessor() {
  auto taken = co_await predecessor_->take(program_.name);
  if (taken) {
    inheritance_ = std::move(*taken);
    log::info("takes over from a process that serves");
  } else {
    const bool was_refused = taken.error().code == Errc::refused;
    if (was_refused && predecessor_->has_started_us()) state_ = State::ended;
    log::warn("cannot take over", {{"reason", taken.error().message}});
    predecessor_.reset();
  }
  loop_.stop();
}

Result<std::vector<aio::Descriptor>> Lifecycle::open_admin(const Address& address) {
  std::vector<aio::Descriptor> sockets;
  const auto inherited = inheritance_.sockets.find(admin_key(address));
  if (inherited != inheritance_.sockets.end() && !inherited->second.empty()) {
    sockets = std::move(inherited->second);
    inheritance_.sockets.erase(inherited);
  } else {
    auto opened = aio::open_listening(address, 1);
    if (!opened) return opened;
    sockets = std::move(*opened);
  }
  auto copy = aio::duplicate(sockets.front());
  if (!copy) return std::unexpected(std::move(copy.error()));
  admin_sockets_.insert_or_assign(address.to_string(), std::move(*copy));
  return sockets;
}

void Lifecycle::close_unused_admin_sockets() {
  std::erase_if(admin_sockets_, [this](const auto& entry) {
    return std::ranges::none_of(config_.admin.listen, [&entry](const Address& address) {
      return address.to_string() == entry.first;
    });
  });
}

void Lifecycle::wait_for_successors() {
  const auto& address = config_.server.handover;
  if (address) {
    const auto inherited = inheritance_.sockets.find(handover_key(*address));
    if (inherited != inheritance_.sockets.end() && !inherited->second.empty()) {
      handover_socket_ = std::move(inherited->second.front());
    } else if (auto opened = open_handover_socket(address->text); opened) {
      handover_socket_ = std::move(*opened);
    } else {
      log::warn("no other process will be able to take over, but by SIGUSR2",
                {{"handover", address->to_string()}, {"reason", opened.error().message}});
    }
  }
  // What nobody has wanted is the other process's again.
  inheritance_ = {};
  if (handover_socket_.is_open()) frame_.spawn(accept_successors());
}

aio::Task<> Lifecycle::follow_predecessor() {
  std::vector<std::string> keys = listening_.taken_over();
  bool settled = false;
  const auto followed = co_await predecessor_->follow(
      std::move(keys), [this](PassedTunnel tunnel) { adopt(std::move(tunnel)); },
      [&settled] {
        settled = true;
        log::info("take over done", {{"pid", std::to_string(getpid())}});
        notify_service_manager("MAINPID=" + std::to_string(getpid()) + "\nREADY=1\nSTATUS=serving");
      });
  const Errc how = followed ? Errc::closed : followed.error().code;
  predecessor_.reset();
  if (how == Errc::cancelled) co_return;
  if (how == Errc::refused) {
    log::error("the process before this one goes on; this one ends", {{"reason", followed.error().message}});
    exit_code_ = kExitUnavailable;
    drain();
  } else if (settled) {
    log::info("the process before this one has left");
  } else {
    log::warn("the process before this one has gone without handing all over",
              {{"reason", followed.error().message}});
  }
}

void Lifecycle::adopt(PassedTunnel tunnel) {
  if (workers_.empty() || state_ == State::ended) return;  // closes it
  workers_[next_adopter_++ % workers_.size()]->adopt(std::move(tunnel));
}

// The old process's side.

void Lifecycle::upgrade() {
  if (state_ != State::serving || handing_over_) {
    log::warn("no new process is started: this one is ending, or another one is taking over already");
    return;
  }
  auto started = start_successor(command_);
  if (!started) {
    log::error("cannot start a new process", {{"reason", started.error().message}});
    return;
  }
  log::info("starts a new process to take over", {{"pid", std::to_string(started->pid)}});
  frame_.spawn(reap(loop_, started->pid));
  frame_.spawn(hand_over(std::move(started->socket), std::move(started->process)));
}

aio::Task<> Lifecycle::accept_successors() {
  auto ready = aio::Readiness::watch(loop_, handover_socket_.get(), aio::Readiness::For::reading);
  if (!ready) co_return;
  for (;;) {
    const auto waited = co_await ready->wait(aio::Deadline::never());
    // Once another process has taken over, who comes is its business.
    if (!waited || handed_over_) co_return;
    auto socket = accept_handover(handover_socket_);
    if (socket) frame_.spawn(hand_over(std::move(*socket), aio::Descriptor()));
  }
}

// `child`: the process, where we have started it.
aio::Task<> Lifecycle::hand_over(aio::Descriptor socket, aio::Descriptor child) {
  auto channel = HandoverChannel::open(loop_, std::move(socket));
  if (!channel) co_return;
  auto successor = std::make_unique<Successor>(loop_, std::move(*channel));
  if (state_ != State::serving || handing_over_) {
    co_await successor->refuse(handing_over_ ? "another process is taking over" : "this process is ending");
    co_return;
  }
  handing_over_ = true;
  const auto done = co_await hand_over_to(*successor);
  handing_over_ = false;
  if (done) {
    successor_ = std::move(successor);
    leave();
    co_return;
  }
  const std::string reason = done.error().message;
  log::error("not handed over; this process goes on", {{"reason", reason}});
  co_await successor->abort(reason);
  if (!child.is_open()) co_return;
  // It was told to end; one that hangs is made to.
  const auto slept = co_await aio::sleep_until(loop_.in(10s));
  (void)slept;
  kill_successor(child);
}

aio::Task<Result<>> Lifecycle::hand_over_to(Successor& successor) {
  auto greeted = co_await successor.greet(program_.name);
  if (!greeted) co_return greeted;
  auto sockets = sockets_to_offer();
  if (!sockets) co_return std::unexpected(std::move(sockets.error()));
  auto keys = co_await successor.offer(std::move(*sockets), service_->export_state());
  if (!keys) co_return std::unexpected(std::move(keys.error()));
  if (state_ != State::serving) co_return fail(Errc::cancelled, "this process was asked to end");
  // It serves already. Its sockets are ours too, so that leaving them resets nobody.
  listening_.leave(*keys);
  auto settled = co_await successor.settle();
  if (!settled && state_ == State::serving) listening_.come_back();
  co_return settled;
}

Result<std::vector<OfferedSocket>> Lifecycle::sockets_to_offer() const {
  auto offered = listening_.offer();
  if (!offered) return offered;
  Result<> copied;
  for (const auto& [address, socket] : admin_sockets_) {
    if (copied) copied = copy_to(*offered, "admin " + address, socket);
  }
  if (copied && handover_socket_.is_open())
    copied = copy_to(*offered, handover_key(*config_.server.handover), handover_socket_);
  if (!copied) return std::unexpected(std::move(copied.error()));
  return offered;
}

// Another process serves. What is under way here may take its time.
void Lifecycle::leave() {
  if (state_ != State::serving) return;  // was asked to end meanwhile
  state_ = State::draining;
  handed_over_ = true;
  log::info("handed over", {{"pid", std::to_string(getpid())},
                            {"timeout", format_duration(config_.server.handover_timeout)}});
  (void)admin_->listen({});  // closes, which cannot fail
  admin_sockets_.clear();
  handover_socket_ = aio::Descriptor();
  for (const auto& worker : workers_) {
    worker->release_tunnels(
        [this](PassedTunnel tunnel) {
          // A std::function must be copyable.
          loop_.post([this, held = std::make_shared<PassedTunnel>(std::move(tunnel))] {
            successor_->pass(std::move(*held));
          });
        },
        [] {});
  }
  finish_within(config_.server.handover_timeout);
}

}  // namespace weir::daemon
