// Relays UDP between clients and servers. A client's first datagram opens a session with a server; all that
// follow go there, from a socket of the session's own, and what the server sends back goes to the client from
// the socket that the client wrote to. A session ends when nothing has passed for the idle timeout.
#pragma once

#include <functional>
#include <optional>
#include <unordered_map>

#include "pkg/aio/datagram.hh"
#include "pkg/aio/scope.hh"

namespace weir::aio {

class UdpSessions {
 public:
  struct Settings {
    Duration idle_timeout = std::chrono::seconds(60);
    // Each session costs a socket. Where all are in use, datagrams of new clients are dropped: ending the
    // session that was used last would let a flood from invented addresses end everyone's.
    size_t most = 4096;
  };

  // The server for a session, with what its chooser wants to keep as long as the session lives.
  struct Choice {
    Address server;
    std::shared_ptr<void> companion;
  };

  // A session as its hooks see it.
  struct Facts {
    Endpoint client;
    Choice choice;
    uint64_t bytes_to_server = 0;
    uint64_t bytes_to_client = 0;
  };

  // Called on the loop's thread; none of them may call back into this object. All but the first may be empty.
  struct Hooks {
    // For a new session; nothing drops the datagram.
    std::function<std::optional<Choice>(const Endpoint& client)> choose_server;
    // The server has sent something, for the first time in this session.
    std::function<void(const Facts& session)> on_first_answer;
    // A server could not be reached, by ICMP or for want of a socket. Its session has ended, so that the
    // client's next datagram chooses anew.
    std::function<void(const Facts& session, const Error& error)> on_failure;
    std::function<void(const Facts& session)> on_end;  // once for every choice
  };

  struct Counts {
    uint64_t sessions = 0;   // opened so far
    uint64_t refused = 0;    // datagrams of new clients for which there was no session or no server
    uint64_t failures = 0;   // sessions that ended by on_failure
    uint64_t to_server = 0;  // datagrams
    uint64_t to_client = 0;  //
    uint64_t dropped = 0;    // datagrams that the kernel did not take
    uint64_t bytes_to_server = 0;
    uint64_t bytes_to_client = 0;
  };

  // `socket` is where clients write to, as open_datagram() gives it.
  static Result<std::unique_ptr<UdpSessions>> open(Loop& loop, Descriptor socket, Settings settings,
                                                   Hooks hooks);

  // Serves until it is cancelled, then ends all sessions.
  Task<> run();
  // Takes no more from clients: run() ends when no session's server has sent anything for `quiet`.
  void drain(Duration quiet);

  // New values are in force at once; sessions beyond a smaller `most` stay.
  void set(Settings settings) { settings_ = settings; }
  const Counts& counts() const { return counts_; }
  size_t size() const { return sessions_.size(); }

 private:
  struct Session {
    Facts facts;
    IpAddress local;  // where the client wrote to
    DatagramSocket socket;
    uint64_t last_tick;           // when something passed
    TaskContext* task = nullptr;  // that carries its answers
    bool is_answered = false;
  };

  UdpSessions(Loop& loop, DatagramSocket listener, Settings settings, Hooks hooks)
      : loop_(loop),
        listener_(std::move(listener)),
        settings_(settings),
        hooks_(std::move(hooks)),
        receiving_(loop),
        answers_(loop) {}

  Task<> receive();
  Task<> wait_for_quiet();
  Session* session_of(const Datagram& first);
  Session* open_session(const Datagram& first);
  void pass_on(std::span<const Datagram> of_one_client);
  Task<> carry_answers(std::unique_ptr<Session> session);
  void answer(Session& session);
  void count_failure(const Facts& session, const Error& error);
  void end(const Facts& session);
  void forget(const Session& session);

  Loop& loop_;
  DatagramSocket listener_;
  Settings settings_;
  Hooks hooks_;
  Counts counts_;
  DatagramBatch batch_;  // of whoever has just been woken
  std::vector<Datagram> outgoing_;
  std::unordered_map<Endpoint, Session*, EndpointHash> sessions_;  // owned by their tasks
  Scope receiving_;
  Scope answers_;
  std::optional<Duration> drains_after_;  // quiet; nothing: it does not drain
};

}  // namespace weir::aio
