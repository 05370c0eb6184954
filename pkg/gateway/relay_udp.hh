// One worker's share of a UDP listener: datagrams go to servers by client. A client's first one is let in and
// chosen a server for, as a connection is; that makes a session, which counts as work on its server until it
// ends. A session keeps the config that it began under, new ones begin under the newest.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "pkg/aio/scope.hh"
#include "pkg/aio/udp_sessions.hh"
#include "pkg/daemon/service.hh"
#include "pkg/gateway/metrics.hh"
#include "pkg/gateway/snapshot.hh"

namespace weir::gateway {

class Worker;

class UdpRelay {
 public:
  // Receives at once. `worker` must outlive it.
  static Result<std::unique_ptr<UdpRelay>> start(Worker& worker, daemon::ListenPointPtr at,
                                                 aio::Descriptor socket);

  // The worker has a new snapshot.
  void adopt();
  // Several times a second: settles sessions that only time can tell of, and brings the metrics up to date.
  void tick();
  // Takes nothing more from clients, and ends when servers have answered what was sent, or when cancelled.
  aio::Task<> finish();

 private:
  struct Session;
  using Facts = aio::UdpSessions::Facts;

  UdpRelay(Worker& worker, daemon::ListenPointPtr at);
  std::optional<aio::UdpSessions::Choice> open_session(const aio::Endpoint& client);
  std::optional<Address> choose_server(Session& session);
  void on_first_answer(Session& session);
  void on_failure(Session& session, const Error& error);
  void on_end(Session& session, const Facts& facts);
  void settle_silent();
  void publish_counts();

  Worker& worker_;
  const daemon::ListenPointPtr at_;
  std::shared_ptr<const UdpMetrics> metrics_;  // null until a snapshot has this listener
  std::unique_ptr<aio::UdpSessions> sessions_;
  aio::UdpSessions::Counts published_;
  std::deque<std::weak_ptr<Session>> unsettled_;  // in the order in which they were opened
  aio::Scope running_;
};

}  // namespace weir::gateway
