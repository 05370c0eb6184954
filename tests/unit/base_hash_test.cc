#include <array>
#include <catch2/catch.hpp>
#include <string>

#include "pkg/base/hash.hh"
#include "pkg/base/random.hh"

using namespace weir;

namespace {

// The key 00 01 … 0f of the paper's appendix A and of the authors' vectors_sip64.
constexpr HashKey kKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};

}  // namespace

TEST_CASE("SipHash-2-4 gives the published values") {
  constexpr std::array<uint64_t, 16> kValues{
      0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
      0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
      0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
      0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5};
  std::string message;  // 00 01 02 …
  for (size_t length = 0; length < kValues.size(); ++length) {
    INFO("length = " << length);
    CHECK(siphash(kKey, message) == kValues[length]);
    message += static_cast<char>(length);
  }
}

TEST_CASE("how a message is cut into pieces changes nothing") {
  const uint64_t seed = Random().next();
  INFO("seed = " << seed);
  Random random(seed);
  for (int round = 0; round < 300; ++round) {
    std::string message(random.below(300), '\0');
    for (char& c : message) c = static_cast<char>(random.next());
    SipHash hash(kKey);
    for (size_t at = 0; at < message.size();) {
      const size_t length = std::min<size_t>(random.below(20), message.size() - at);
      hash.update(std::string_view(message).substr(at, length));
      at += length;
    }
    REQUIRE(hash.finish() == siphash(kKey, message));
  }
}

TEST_CASE("parts are told apart from their concatenation") {
  const auto of_parts = [](std::initializer_list<std::string_view> parts) {
    SipHash hash(kKey);
    for (const std::string_view part : parts) hash.update_part(part);
    return hash.finish();
  };
  CHECK(of_parts({"ab", "c"}) == of_parts({"ab", "c"}));
  CHECK(of_parts({"ab", "c"}) != of_parts({"a", "bc"}));
  CHECK(of_parts({"abc"}) != of_parts({"abc", ""}));
  CHECK(of_parts({"", "abc"}) != of_parts({"abc", ""}));
}

TEST_CASE("another key gives another hash, and random keys differ") {
  CHECK(siphash({1, 2}, "x") != siphash({1, 3}, "x"));
  CHECK(siphash({1, 2}, "x") != siphash({2, 2}, "x"));
  const HashKey a = HashKey::random();
  const HashKey b = HashKey::random();
  CHECK((a.k0 != b.k0 && a.k1 != b.k1));
}
