#include "pkg/aio/socket.hh"

#include <sys/socket.h>

#include <catch2/catch.hpp>

using namespace weir;
using namespace weir::aio;

namespace {

const Address kAnyPort = *Address::parse_listen("127.0.0.1:0");

}  // namespace

TEST_CASE("datagram siblings share the port that the first one took") {
  const auto sockets = open_datagram(kAnyPort, 3);
  REQUIRE(sockets);
  REQUIRE(sockets->size() == 3);
  const auto port = local_address(sockets->front().get())->port;
  CHECK(port != 0);
  for (const Descriptor& socket : *sockets) CHECK(local_address(socket.get())->port == port);
}

TEST_CASE("a datagram port in use is refused although its owner would share it") {
  const auto first = open_datagram(kAnyPort, 1);
  REQUIRE(first);
  const auto second = open_datagram(*local_address(first->front().get()), 1);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Errc::refused);
}

TEST_CASE("a stream socket is not taken for a datagram one") {
  const auto stream = open_listening(kAnyPort, 1);
  REQUIRE(stream);
  Address handed;
  handed.kind = Address::Kind::inherited_fd;
  handed.fd = stream->front().get();
  CHECK_FALSE(open_datagram(handed, 1));
  CHECK(open_listening(handed, 2)->size() == 2);
}

TEST_CASE("a duplicate is another descriptor of the same socket") {
  const auto socket = open_datagram(kAnyPort, 1);
  const auto copy = duplicate(socket->front());
  REQUIRE(copy);
  CHECK(copy->get() != socket->front().get());
  CHECK(*local_address(copy->get()) == *local_address(socket->front().get()));
}
