// Two ends of a TCP connection on one loop, for tests of TLS.
#pragma once

#include <sys/socket.h>

#include <catch2/catch.hpp>

#include "pkg/aio/connect.hh"
#include "pkg/aio/listener.hh"
#include "pkg/aio/scope.hh"
#include "pkg/aio/tls.hh"
#include "tests/unit/aio_run.hh"
#include "tests/unit/tls_certificates.hh"

namespace tls_test {

using namespace weir;
using namespace weir::aio;
using namespace std::chrono_literals;

using ContextPtr = std::shared_ptr<const TlsContext>;

struct Ends {
  Stream server;
  Stream client;
};

inline Task<Ends> connect_ends(Loop& loop) {
  auto sockets = open_listening(*Address::parse_listen("127.0.0.1:0"), 1);
  REQUIRE(sockets);
  const Address address = *local_address(sockets->front().get());
  Ends ends;
  Event accepted;
  auto listener = Listener::start(loop, std::move(sockets->front()), [&](Stream stream) {
    ends.server = std::move(stream);
    accepted.set();
  });
  REQUIRE(listener);
  auto connected = co_await connect(loop, address, loop.in(5s));
  REQUIRE(connected);
  ends.client = std::move(*connected);
  const auto waited = co_await accepted.wait(loop.in(5s));
  REQUIRE(waited);
  co_return std::move(ends);
}

struct Agreed {
  Result<> server;
  Result<> client;
};

inline Task<> start_into(Stream& stream, ContextPtr context, Deadline deadline, TlsTarget target,
                         Result<>& result) {
  result = co_await stream.start_tls(std::move(context), deadline, std::move(target));
  if (!result) stream.close();
}

inline Task<Agreed> shake(Loop& loop, Ends& ends, ContextPtr server, ContextPtr client,
                          TlsTarget target = {}) {
  Agreed agreed;
  Scope scope(loop);
  scope.spawn(start_into(ends.server, std::move(server), loop.in(5s), {}, agreed.server));
  scope.spawn(start_into(ends.client, std::move(client), loop.in(5s), std::move(target), agreed.client));
  co_await scope.join();
  co_return std::move(agreed);
}

inline Task<> must_send(Loop& loop, Stream& stream, std::string_view bytes) {
  const auto sent = co_await stream.write(bytes, loop.in(5s));
  if (!sent) FAIL(sent.error().message);
}

// Waits until exactly `bytes` are buffered, and takes them.
inline Task<> must_receive(Loop& loop, Stream& stream, std::string_view bytes) {
  while (stream.text().size() < bytes.size()) {
    const auto received = co_await stream.read_more(loop.in(5s));
    if (!received) FAIL(received.error().message);
    REQUIRE(*received > 0);
  }
  CHECK(stream.text() == bytes);
  stream.consume(bytes.size());
}

inline ContextPtr server_context(const TlsServerSettings& settings) {
  auto made = make_server_context(settings);
  if (!made) FAIL(made.error().message);
  return std::move(*made);
}

inline ContextPtr client_context(const TlsClientSettings& settings) {
  auto made = make_client_context(settings);
  if (!made) FAIL(made.error().message);
  return std::move(*made);
}

}  // namespace tls_test
