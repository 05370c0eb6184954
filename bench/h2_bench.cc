// The least an HTTP/2 server can do, for h2load to measure what the protocol costs:
//
//   h2_bench 127.0.0.1:8082 & h2load -n 1000000 -c 10 -m 32 http://127.0.0.1:8082/
//
// GET is answered with a few bytes, or with as many as /N says; any other method gets its content back.

#include <csignal>
#include <memory>

#include "pkg/aio/listener.hh"
#include "pkg/aio/signal.hh"
#include "pkg/base/text.hh"
#include "pkg/http/h2_server.hh"
#include "pkg/http/write.hh"

using namespace weir;
using namespace weir::http;

namespace {

constexpr Duration kTimeout = std::chrono::seconds(30);

struct Server {
  aio::Loop loop;
  aio::Scope scope{loop};
  H2Settings settings;
  std::string piece = std::string(1 << 16, 'x');
};

aio::Task<> echo(Server& server, H2ServerStreamPtr stream) {
  const auto begun = co_await stream->send({.status = 200}, server.loop.in(kTimeout));
  bool goes_on = begun.has_value();
  while (goes_on) {
    const auto piece = stream->next_piece();
    const bool last = stream->is_done();
    if (!piece->empty() || last) {
      const auto sent = co_await stream->send({.piece = *piece, .last = last}, server.loop.in(kTimeout));
      stream->release();
      goes_on = sent && !last;
      continue;
    }
    const auto received = co_await stream->read_more(server.loop.in(kTimeout));
    goes_on = received && *received > 0;
  }
}

aio::Task<> answer(Server& server, H2ServerStreamPtr stream) {
  uint64_t left = parse_uint(stream->head.path.substr(1)).value_or(2);
  std::string lines;
  append_field(lines, "Content-Type", "text/plain");
  append_field(lines, "Content-Length", left);
  int status = 200;
  do {
    const std::string_view piece = std::string_view(server.piece).substr(0, left);
    left -= piece.size();
    const auto sent = co_await stream->send(
        {.status = status, .lines = lines, .piece = piece, .last = left == 0}, server.loop.in(kTimeout));
    if (!sent) co_return;
    status = 0;
  } while (left > 0);
}

aio::Task<> serve(Server& server, aio::Stream stream) {
  H2ServerSession* self = nullptr;
  H2ServerSession session(server.loop, stream, server.settings, [&](H2ServerStreamPtr request) {
    const bool is_get = request->head.method == Method::get;
    self->scope().spawn(is_get ? answer(server, std::move(request)) : echo(server, std::move(request)));
  });
  self = &session;
  co_await session.run();
}

}  // namespace

int main(int argc, char** argv) {
  const auto address = Address::parse_listen(argc > 1 ? argv[1] : "127.0.0.1:8082");
  if (!address) return 64;
  auto sockets = aio::open_listening(*address, 1);
  if (!sockets) return 69;
  Server server;
  auto listener = aio::Listener::start(server.loop, std::move(sockets->front()), [&](aio::Stream stream) {
    server.scope.spawn(serve(server, std::move(stream)));
  });
  if (!listener) return 69;
  const auto finish = [](Server& of) -> aio::Task<> {
    co_await of.scope.close();
    of.loop.stop();
  };
  aio::Scope last(server.loop);
  const aio::SignalWatch watch(server.loop, SIGTERM, [&] { last.spawn(finish(server)); });
  server.loop.run();
  return 0;
}
