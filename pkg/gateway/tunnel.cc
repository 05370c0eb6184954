#include "pkg/gateway/tunnel.hh"

namespace weir::gateway {
namespace {

struct Tunnel {
  aio::Loop& loop;
  aio::Scope& directions;
  Duration idle_timeout;
  aio::Deadline quiet_until;  // put off by traffic in either direction

  aio::Deadline touch() { return quiet_until = loop.in(idle_timeout); }
};

aio::Task<> carry(Tunnel& tunnel, aio::Stream& from, aio::Stream& to) {
  for (;;) {
    const std::string_view bytes = from.text();
    if (!bytes.empty()) {
      const auto sent = co_await to.write(bytes, tunnel.touch());
      if (!sent) break;
      from.consume(bytes.size());
      continue;
    }
    const auto received = co_await from.read_more(tunnel.quiet_until);
    if (received && *received == 0) {
      if (to.finish_writing()) co_return;  // the other direction may go on
      break;
    }
    if (received) {
      tunnel.touch();
      continue;
    }
    const bool other_is_busy = tunnel.quiet_until > tunnel.loop.in(Duration{0});
    if (received.error().code != Errc::timed_out || !other_is_busy) break;
  }
  tunnel.directions.cancel();
}

}  // namespace

aio::Task<> run_tunnel(aio::Loop& loop, aio::Stream& client, aio::Stream& upstream, Duration idle_timeout) {
  aio::Scope directions(loop);
  Tunnel tunnel{loop, directions, idle_timeout, loop.in(idle_timeout)};
  directions.spawn(carry(tunnel, client, upstream));
  directions.spawn(carry(tunnel, upstream, client));
  co_await directions.join();
}

}  // namespace weir::gateway
