#include "pkg/daemon/handover.hh"

#include <catch2/catch.hpp>

using namespace weir;
using namespace weir::daemon;

using Kind = HandoverMessage::Kind;

namespace {

Result<HandoverMessage> pass(const std::vector<std::string>& packets) {
  HandoverReader reader;
  for (size_t i = 0; i < packets.size(); ++i) {
    const auto complete = reader.add(packets[i]);
    if (!complete) return std::unexpected(complete.error());
    CHECK(*complete == (i + 1 == packets.size()));
  }
  return reader.take();
}

HandoverMessage message(Kind kind, std::vector<std::string> fields, uint8_t protocol = kHandoverProtocol) {
  return {.kind = kind, .protocol = protocol, .fields = std::move(fields)};
}

}  // namespace

TEST_CASE("a message comes out as it went in") {
  const std::vector<std::string> fields = {"", "web", std::string("\0\xff", 2), std::string(40'000, 'x')};
  const auto passed = pass(encode(message(Kind::tunnel, fields)));
  REQUIRE(passed);
  CHECK(passed->kind == Kind::tunnel);
  CHECK(passed->fields == fields);
}

TEST_CASE("no packet is larger than a socket takes at once") {
  const auto packets = encode(message(Kind::state, {std::string(100'000, 'x')}));
  CHECK(packets.size() == 4);
  for (const std::string& packet : packets) CHECK(packet.size() <= kMostPacketBytes);
}

TEST_CASE("another version's hello is understood and the rest of it is not") {
  const auto hello = pass(encode(message(Kind::hello, {"weir-echo"}, kHandoverProtocol + 1)));
  REQUIRE(hello);
  CHECK(hello->field(0) == "weir-echo");
  CHECK(hello->protocol == kHandoverProtocol + 1);
  const auto ready = pass(encode(message(Kind::ready, {}, kHandoverProtocol + 1)));
  REQUIRE_FALSE(ready);
  CHECK(ready.error().code == Errc::unavailable);
}

TEST_CASE("what is no message is refused") {
  const std::string good = encode(message(Kind::ready, {"a"})).front();
  HandoverReader reader;
  CHECK_FALSE(reader.add(""));
  CHECK_FALSE(reader.add("GET / HTTP/1.1"));
  for (size_t size = 0; size < good.size(); ++size) {
    HandoverReader one;
    const auto complete = one.add(good.substr(0, size));
    CHECK_FALSE((complete && one.take()));
  }
  CHECK_FALSE(pass({good + "x"}));
}

TEST_CASE("a message that never ends is refused when it is too long") {
  std::string packet = encode(message(Kind::state, {std::string(100'000, 'x')})).front();
  HandoverReader reader;
  Result<bool> added = false;
  size_t packets = 0;
  for (; added && packets < 10'000; ++packets) added = reader.add(packet);
  REQUIRE_FALSE(added);
  CHECK(added.error().code == Errc::limit);
}
