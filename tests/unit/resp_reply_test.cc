#include "pkg/resp/reply.hh"

#include <catch2/catch.hpp>

using namespace weir::resp;

namespace {

template <typename Write>
std::string written(Protocol protocol, Write write) {
  std::string out;
  ReplyWriter reply(out);
  reply.set_protocol(protocol);
  write(reply);
  return out;
}

}  // namespace

TEST_CASE("replies are the same in both protocols where both have them") {
  const Protocol protocol = GENERATE(Protocol::resp2, Protocol::resp3);
  CHECK(written(protocol, [](ReplyWriter& reply) { reply.ok(); }) == "+OK\r\n");
  CHECK(written(protocol, [](ReplyWriter& reply) { reply.simple("PONG"); }) == "+PONG\r\n");
  CHECK(written(protocol, [](ReplyWriter& reply) { reply.integer(INT64_MIN); }) ==
        ":-9223372036854775808\r\n");
  CHECK(written(protocol, [](ReplyWriter& reply) { reply.bulk("a\r\nb"); }) == "$4\r\na\r\nb\r\n");
  CHECK(written(protocol, [](ReplyWriter& reply) { reply.bulk(""); }) == "$0\r\n\r\n");
  CHECK(written(protocol, [](ReplyWriter& reply) { reply.array(2); }) == "*2\r\n");
}

TEST_CASE("RESP3 has a null and maps of its own") {
  CHECK(written(Protocol::resp2, [](ReplyWriter& reply) { reply.null(); }) == "$-1\r\n");
  CHECK(written(Protocol::resp3, [](ReplyWriter& reply) { reply.null(); }) == "_\r\n");
  CHECK(written(Protocol::resp2, [](ReplyWriter& reply) { reply.map(2); }) == "*4\r\n");
  CHECK(written(Protocol::resp3, [](ReplyWriter& reply) { reply.map(2); }) == "%2\r\n");
}

TEST_CASE("nothing that a client has sent makes two lines of a reply") {
  CHECK(written(Protocol::resp2, [](ReplyWriter& reply) { reply.error("ERR a\r\n+OK"); }) ==
        "-ERR a  +OK\r\n");
  CHECK(written(Protocol::resp2, [](ReplyWriter& reply) { reply.simple("a\nb"); }) == "+a b\r\n");
}
