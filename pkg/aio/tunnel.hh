// Carries bytes between two streams, both ways, knowing nothing of them: until both sides have finished, one
// of them fails, nothing has moved for too long, or release() stops it so that another process can go on.
//
// A direction begins by copying: read into the stream's buffer, send from there, two system calls a message.
// When its reads are large, several in a row, it splices: the bytes go from socket to socket through a pipe
// and never enter this process (splice(2)). When it is quiet again it gives its pipe back and copies. Where
// splicing is impossible (a stream that is not raw, no pipe to be had) it copies all the time.
#pragma once

#include <optional>
#include <string>

#include "pkg/aio/pipe.hh"
#include "pkg/aio/readiness.hh"
#include "pkg/aio/scope.hh"
#include "pkg/aio/stream.hh"

namespace weir::aio {

struct TunnelSettings {
  Duration idle_timeout = std::chrono::hours(1);
  bool may_splice = true;
};

// What is left to do of one direction when a tunnel is released.
struct TunnelRest {
  std::string bytes;      // were received and are still to be sent
  bool finished = false;  // the receiver has been told that nothing more comes
};

struct TunnelEnd {
  enum class Reason { finished, failed, idle, cancelled, released };
  enum class Side { client, upstream };

  Reason reason = Reason::finished;
  std::optional<Side> side;  // which one failed, or finished first
  Error error;               // of a side that failed
  TunnelRest to_upstream;    // when released
  TunnelRest to_client;
};

std::string_view to_string(TunnelEnd::Reason reason);

class Tunnel {
 public:
  // Both streams stay the caller's, who closes them; what they have buffered is carried too. When one side
  // failed, or bytes for one are left unsent, closing it sends a reset: a peer must not take a torn transfer
  // for a whole one.
  Tunnel(Loop& loop, Stream& client, Stream& upstream, TunnelSettings settings);
  // Goes on with a tunnel that was released.
  Tunnel(Loop& loop, Stream& client, Stream& upstream, TunnelSettings settings, TunnelRest to_upstream,
         TunnelRest to_client);

  Task<TunnelEnd> run();

  // Stops both directions where they are: run() returns with what was received and not sent, both streams
  // stay open and receive nothing. False, and nothing happens, when a stream is not raw: its state cannot be
  // handed over.
  bool release();

  uint64_t bytes_to_upstream() const { return up_.bytes; }
  uint64_t bytes_to_client() const { return down_.bytes; }
  bool is_splicing() const { return up_.pipe.is_open() || down_.pipe.is_open(); }

 private:
  using Side = TunnelEnd::Side;
  enum class Step { go_on, finished, stop };

  struct Direction {
    Stream& from;
    Stream& to;
    Side from_side;
    Side to_side;
    TunnelRest rest;
    uint64_t bytes = 0;
    unsigned large_reads = 0;
    bool may_splice = false;
    Pipe pipe = {};  // open while splicing
    size_t in_pipe = 0;
    Readiness readable = {};
    Readiness writable = {};
  };

  Task<> carry(Direction& direction);
  Task<Step> send_rest(Direction& direction);
  Task<Step> copy_until_bulk(Direction& direction);
  bool send_at_once(Direction& direction);
  Task<Step> send_buffered(Direction& direction);
  Task<Step> splice_while_bulk(Direction& direction);
  Task<Step> drain_pipe(Direction& direction);
  Task<Step> wait_writable(Direction& direction);

  void count_sent(Direction& direction, ssize_t sent);
  bool begin_splicing(Direction& direction);
  void end_splicing(Direction& direction);
  void take_rest(Direction& direction);
  void reset_if_torn(const Direction& direction);
  bool is_splicing_worthwhile(const Direction& direction) const;

  void touch() { quiet_until_ = loop_.in(settings_.idle_timeout); }
  bool is_idle() const { return quiet_until_ <= loop_.in(Duration{0}); }
  Step fail(std::optional<Side> side, Error error);
  Step wait_ended(const Error& error, Side side);
  void end(TunnelEnd::Reason reason, std::optional<Side> side);

  Loop& loop_;
  TunnelSettings settings_;
  Scope directions_;
  Direction up_;
  Direction down_;
  Deadline quiet_until_;  // put off by traffic in either direction
  bool ended_ = false;
  TunnelEnd end_;
};

}  // namespace weir::aio
