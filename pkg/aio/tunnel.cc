#include "pkg/aio/tunnel.hh"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace weir::aio {
namespace {

// The rule of when to splice, from bench/tunnel_bench.cc.
constexpr size_t kLargeRead = 32 * 1024;
constexpr unsigned kLargeReads = 4;
// And of when to stop: nothing came for a while, or it came in small pieces.
constexpr Duration kQuiet = std::chrono::milliseconds(50);
constexpr size_t kSmallSplice = 8 * 1024;
constexpr unsigned kSmallSplices = 8;
// What one direction may move before others have their turn.
constexpr size_t kMostATurn = 1024 * 1024;

ssize_t splice_now(int from, int to, size_t count) {
  ssize_t moved = 0;
  do {
    moved = splice(from, nullptr, to, nullptr, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  } while (moved < 0 && errno == EINTR);
  return moved;
}

ssize_t send_now(int fd, std::string_view bytes, int flags = 0) {
  ssize_t sent = 0;
  do {
    sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT | flags);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

void reset_on_close(const Stream& stream) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  // Where it fails (a socket that is gone already) there is nobody to tell.
  (void)setsockopt(stream.descriptor(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

Error error_of_errno(std::string_view doing, int number) {
  Error error = fail_errno(doing, number).error();
  if (number == ECONNRESET || number == EPIPE) error.code = Errc::closed;
  return error;
}

}  // namespace

std::string_view to_string(TunnelEnd::Reason reason) {
  switch (reason) {
    case TunnelEnd::Reason::finished:
      return "finished";
    case TunnelEnd::Reason::failed:
      return "failed";
    case TunnelEnd::Reason::idle:
      return "idle";
    case TunnelEnd::Reason::cancelled:
      return "cancelled";
    case TunnelEnd::Reason::released:
      return "released";
  }
  return "";
}

Tunnel::Tunnel(Loop& loop, Stream& client, Stream& upstream, TunnelSettings settings)
    : Tunnel(loop, client, upstream, settings, {}, {}) {}

Tunnel::Tunnel(Loop& loop, Stream& client, Stream& upstream, TunnelSettings settings, TunnelRest to_upstream,
               TunnelRest to_client)
    : loop_(loop),
      settings_(settings),
      directions_(loop),
      up_{.from = client,
          .to = upstream,
          .from_side = Side::client,
          .to_side = Side::upstream,
          .rest = std::move(to_upstream)},
      down_{.from = upstream,
            .to = client,
            .from_side = Side::upstream,
            .to_side = Side::client,
            .rest = std::move(to_client)},
      quiet_until_(loop.in(settings.idle_timeout)) {
  up_.may_splice = down_.may_splice = settings.may_splice && client.is_raw() && upstream.is_raw();
}

Task<TunnelEnd> Tunnel::run() {
  touch();
  up_.from.resume_reading();
  down_.from.resume_reading();
  if (!ended_) directions_.spawn(carry(up_));
  if (!ended_) directions_.spawn(carry(down_));
  co_await directions_.join();
  const TaskContext& me = co_await this_task();
  if (me.cancelled) end(TunnelEnd::Reason::cancelled, std::nullopt);
  if (end_.reason == TunnelEnd::Reason::released) {
    take_rest(up_);
    take_rest(down_);
    end_.to_upstream = std::move(up_.rest);
    end_.to_client = std::move(down_.rest);
  } else {
    reset_if_torn(up_);
    reset_if_torn(down_);
  }
  end_splicing(up_);
  end_splicing(down_);
  co_return std::move(end_);
}

bool Tunnel::release() {
  if (!up_.from.is_raw() || !down_.from.is_raw()) return false;
  end(TunnelEnd::Reason::released, std::nullopt);
  directions_.cancel();
  return true;
}

// The first reason is the one that counts: it is what makes the other direction fail.
void Tunnel::end(TunnelEnd::Reason reason, std::optional<Side> side) {
  if (std::exchange(ended_, true)) return;
  end_.reason = reason;
  if (side) end_.side = side;
  directions_.cancel();
}

Tunnel::Step Tunnel::fail(std::optional<Side> side, Error error) {
  if (!ended_) {
    if (side != Side::client) reset_on_close(up_.from);
    if (side != Side::upstream) reset_on_close(down_.from);
    end_.side = side;
    end_.error = std::move(error);
  }
  end(TunnelEnd::Reason::failed, side);
  return Step::stop;
}

Tunnel::Step Tunnel::wait_ended(const Error& error, Side side) {
  if (error.code == Errc::cancelled) return Step::stop;
  if (error.code != Errc::timed_out) return fail(side, error);
  if (!is_idle()) return Step::go_on;  // the other direction was busy
  end(TunnelEnd::Reason::idle, std::nullopt);
  return Step::stop;
}

Task<> Tunnel::carry(Direction& direction) {
  if (direction.rest.finished) co_return;
  Step step = Step::go_on;
  if (!direction.rest.bytes.empty()) step = co_await send_rest(direction);
  while (step == Step::go_on) {
    step = co_await copy_until_bulk(direction);
    if (step != Step::go_on) break;
    step = co_await splice_while_bulk(direction);
  }
  if (step != Step::finished) co_return;
  direction.rest.finished = true;
  end_splicing(direction);
  if (!end_.side) end_.side = direction.from_side;
  // Where both have finished, closing says so. Else the other direction goes on; where the receiver has gone
  // already, it will notice.
  const bool is_last = up_.rest.finished && down_.rest.finished;
  if (!is_last || !direction.to.is_raw()) (void)direction.to.finish_writing();
}

Task<Tunnel::Step> Tunnel::send_rest(Direction& direction) {
  std::string& bytes = direction.rest.bytes;
  while (!bytes.empty()) {
    const ssize_t sent = send_now(direction.to.descriptor(), bytes);
    if (sent < 0 && errno != EAGAIN) {
      co_return fail(direction.to_side, error_of_errno("writing", errno));
    }
    if (sent > 0) {
      bytes.erase(0, static_cast<size_t>(sent));
      count_sent(direction, sent);
      continue;
    }
    const Step step = co_await wait_writable(direction);
    if (step != Step::go_on) co_return step;
  }
  co_return Step::go_on;
}

Task<Tunnel::Step> Tunnel::wait_writable(Direction& direction) {
  if (!direction.writable.is_open()) {
    auto watched = Readiness::watch(loop_, direction.to.descriptor(), Readiness::For::writing);
    if (!watched) co_return fail(std::nullopt, std::move(watched.error()));
    direction.writable = std::move(*watched);
  }
  const auto ready = co_await direction.writable.wait(quiet_until_);
  if (ready) co_return Step::go_on;
  co_return wait_ended(ready.error(), direction.to_side);
}

bool Tunnel::is_splicing_worthwhile(const Direction& direction) const {
  return direction.may_splice && direction.large_reads >= kLargeReads && !direction.from.peer_left();
}

Task<Tunnel::Step> Tunnel::copy_until_bulk(Direction& direction) {
  for (;;) {
    if (!direction.from.buffered().empty() && !send_at_once(direction)) {
      const Step step = co_await send_buffered(direction);
      if (step != Step::go_on) co_return step;
    }
    if (is_splicing_worthwhile(direction) && begin_splicing(direction)) co_return Step::go_on;
    const auto received = co_await direction.from.read_more(quiet_until_);
    if (!received) {
      const Step step = wait_ended(received.error(), direction.from_side);
      if (step != Step::go_on) co_return step;
      continue;
    }
    if (*received == 0) co_return Step::finished;
    direction.large_reads = *received >= kLargeRead ? direction.large_reads + 1 : 0;
    touch();
    // Who serves one request a connection ends it right behind the answer. See send_at_once().
    const bool is_first_answer = direction.bytes == 0 && direction.from_side == Side::upstream;
    if (is_first_answer && direction.from.is_raw()) direction.from.receive_now();
  }
}

void Tunnel::count_sent(Direction& direction, ssize_t sent) {
  direction.to.count_moved(0, static_cast<uint64_t>(sent));
  direction.bytes += static_cast<uint64_t>(sent);
  touch();
}

// Nearly always the kernel takes all, and no coroutine is needed to wait. False: something is left. The last
// bytes are held back for the end that follows at once, and go in one segment with it: that and its ACK are
// a tenth of what a connection with one request costs.
bool Tunnel::send_at_once(Direction& direction) {
  if (!direction.to.is_raw()) return false;
  const int more = direction.from.peer_finished() ? MSG_MORE : 0;
  const ssize_t sent = send_now(direction.to.descriptor(), direction.from.text(), more);
  if (sent <= 0) return false;
  direction.from.consume(static_cast<size_t>(sent));
  count_sent(direction, sent);
  return direction.from.buffered().empty();
}

// Sends with its own system call where it can, not by Stream::write(): that cannot be stopped half-way
// without closing the stream, and release() must be able to.
Task<Tunnel::Step> Tunnel::send_buffered(Direction& direction) {
  while (!direction.from.buffered().empty()) {
    const std::string_view bytes = direction.from.text();
    if (!direction.to.is_raw()) {
      touch();
      const auto written = co_await direction.to.write(bytes, quiet_until_);
      if (!written && written.error().code == Errc::timed_out) {
        end(TunnelEnd::Reason::idle, std::nullopt);  // the interrupted write has closed the stream
        co_return Step::stop;
      }
      if (!written) co_return wait_ended(written.error(), direction.to_side);
      direction.from.consume(bytes.size());
      direction.bytes += bytes.size();
      continue;
    }
    const ssize_t sent = send_now(direction.to.descriptor(), bytes);
    if (sent > 0) {
      direction.from.consume(static_cast<size_t>(sent));
      count_sent(direction, sent);
      continue;
    }
    if (errno != EAGAIN) co_return fail(direction.to_side, error_of_errno("writing", errno));
    const Step step = co_await wait_writable(direction);
    if (step != Step::go_on) co_return step;
  }
  co_return Step::go_on;
}

bool Tunnel::begin_splicing(Direction& direction) {
  direction.large_reads = 0;  // where it is refused, it is tried again after as many
  auto watched = Readiness::watch(loop_, direction.from.descriptor(), Readiness::For::reading);
  if (!watched) return false;
  auto pipe = loop_.pipes().acquire();
  if (!pipe) return false;
  direction.readable = std::move(*watched);
  direction.pipe = std::move(*pipe);
  direction.from.hold_reading();
  return true;
}

void Tunnel::end_splicing(Direction& direction) {
  direction.readable.close();
  direction.writable.close();
  if (!direction.pipe.is_open()) return;
  loop_.pipes().release(std::exchange(direction.pipe, {}), direction.in_pipe == 0);
  direction.in_pipe = 0;
}

Task<Tunnel::Step> Tunnel::splice_while_bulk(Direction& direction) {
  size_t this_turn = 0;
  for (unsigned small = 0; small < kSmallSplices;) {
    const int from = direction.from.descriptor();
    const ssize_t got = splice_now(from, direction.pipe.write_end.get(), direction.pipe.capacity);
    if (got == 0) co_return Step::finished;
    if (got > 0) {
      direction.in_pipe += static_cast<size_t>(got);
      direction.from.count_moved(static_cast<uint64_t>(got), 0);
      touch();
      const Step step = co_await drain_pipe(direction);
      if (step != Step::go_on) co_return step;
      small = static_cast<size_t>(got) < kSmallSplice ? small + 1 : 0;
      this_turn += static_cast<size_t>(got);
      // A short piece says that the socket is empty: asking again would cost a call in vain.
      if (static_cast<size_t>(got) >= kLargeRead && this_turn < kMostATurn) continue;
    } else if (errno != EAGAIN) {
      co_return fail(direction.from_side, error_of_errno("reading", errno));
    }
    this_turn = 0;
    const Deadline quiet = loop_.in(kQuiet);
    const auto ready = co_await direction.readable.wait(std::min(quiet, quiet_until_));
    if (ready) continue;
    const Step step = wait_ended(ready.error(), direction.from_side);
    if (step != Step::go_on) co_return step;
    break;
  }
  end_splicing(direction);
  direction.from.resume_reading();
  co_return Step::go_on;
}

Task<Tunnel::Step> Tunnel::drain_pipe(Direction& direction) {
  while (direction.in_pipe > 0) {
    const int to = direction.to.descriptor();
    const ssize_t sent = splice_now(direction.pipe.read_end.get(), to, direction.in_pipe);
    if (sent > 0) {
      direction.in_pipe -= static_cast<size_t>(sent);
      count_sent(direction, sent);
      continue;
    }
    if (errno != EAGAIN) co_return fail(direction.to_side, error_of_errno("writing", errno));
    const Step step = co_await wait_writable(direction);
    if (step != Step::go_on) co_return step;
  }
  co_return Step::go_on;
}

// In the order in which they were received: those another tunnel left, those in the pipe, those in the
// buffer.
void Tunnel::take_rest(Direction& direction) {
  std::string& bytes = direction.rest.bytes;
  if (direction.in_pipe > 0) {
    const size_t before = bytes.size();
    bytes.resize(before + direction.in_pipe);
    const ssize_t got = read(direction.pipe.read_end.get(), bytes.data() + before, direction.in_pipe);
    bytes.resize(before + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    direction.in_pipe = 0;
  }
  bytes += direction.from.text();
  direction.from.consume(direction.from.buffered().size());
  direction.from.hold_reading();
}

void Tunnel::reset_if_torn(const Direction& direction) {
  const bool is_torn =
      direction.in_pipe > 0 || !direction.rest.bytes.empty() || !direction.from.buffered().empty();
  if (is_torn) reset_on_close(direction.to);
}

}  // namespace weir::aio
