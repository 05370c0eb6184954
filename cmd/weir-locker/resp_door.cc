#include "cmd/weir-locker/resp_door.hh"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "cmd/weir-locker/redis_session.hh"

namespace weir::locker {

namespace {

using Progress = resp::RequestParser::Progress;

// Replies beyond it are sent before more commands are carried out.
constexpr size_t kEnoughReplies = 64 * 1024;

struct Connection {
  Connection(Engine& on, aio::Stream& with, const RespSettings& from, std::string peer)
      : engine(on),
        stream(with),
        settings(from),
        parser(from.limits),
        session(on, from, std::move(peer), replies) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  aio::Deadline in(Duration time) { return engine.loop().in(time); }

  Engine& engine;
  aio::Stream& stream;
  const RespSettings& settings;
  resp::RequestParser parser;
  std::string replies;
  RedisSession session;
};

// A client that is gone without a word must not stay for ever.
void watch_over(const aio::Stream& stream) {
  const int on = 1;
  const int seconds = 60;
  const int socket = stream.descriptor();
  // A Unix socket has none of this and needs none.
  (void)setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  (void)setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
}

// Carries out what has arrived, up to a command that is not there as a whole; how many bytes that was.
size_t run_commands(Connection& c, Progress& progress) {
  size_t done = 0;
  while (!c.session.is_over && c.replies.size() < kEnoughReplies) {
    progress = c.parser.parse(c.stream.text().substr(done));
    if (progress == Progress::refused) {
      c.session.reply.error("ERR Protocol error: " + c.parser.problem());
      c.session.is_over = true;
    }
    if (progress != Progress::complete) break;
    done += c.parser.size();
    if (c.parser.arguments().empty()) continue;
    run_redis_command(c.session, c.parser.arguments());
  }
  return done;
}

// False: the connection is over.
aio::Task<bool> send_replies(Connection& c) {
  if (c.session.has_looked && c.engine.journal() != nullptr) {
    const auto settled = co_await c.engine.settle();
    if (!settled) co_return false;
  }
  c.session.has_looked = false;
  const auto sent = co_await c.stream.write(c.replies, c.in(c.settings.write_timeout));
  c.replies.clear();
  co_return sent && !c.session.is_over;
}

aio::Task<bool> next_command(Connection& c, aio::Deadline deadline) {
  if (c.engine.is_ending()) co_return false;
  aio::TaskContext& me = co_await aio::this_task();
  const aio::IdleList::Mark mark(c.engine.listeners(), me);
  co_return co_await c.stream.more(deadline);
}

aio::Task<> serve(Connection& c) {
  aio::Deadline deadline = c.in(c.settings.idle_timeout);
  bool is_within = false;  // a command
  for (;;) {
    Progress progress = Progress::need_more;
    const size_t done = run_commands(c, progress);
    c.stream.consume(done);
    if (!c.replies.empty()) {
      const bool goes_on = co_await send_replies(c);
      if (!goes_on) break;
    }
    if (c.session.is_over) break;
    if (progress == Progress::complete) {
      co_await aio::yield();
      continue;
    }
    // A command that comes byte by byte does not win time with each.
    const bool was_within = std::exchange(is_within, !c.stream.text().empty());
    if (!is_within) deadline = c.in(c.settings.idle_timeout);
    if (is_within && (!was_within || done > 0)) deadline = c.in(c.settings.command_timeout);
    bool has_more = false;
    if (is_within)
      has_more = co_await c.stream.more(deadline);
    else
      has_more = co_await next_command(c, deadline);
    if (!has_more) break;
  }
}

}  // namespace

aio::Task<> serve_resp(Engine& engine, aio::Stream stream, const RespSettings& settings) {
  watch_over(stream);
  const auto peer = stream.peer_address();
  Connection connection(engine, stream, settings, peer ? peer->to_string() : std::string());
  co_await serve(connection);
}

}  // namespace weir::locker
