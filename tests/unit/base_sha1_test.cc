#include "pkg/base/sha1.hh"

#include <catch2/catch.hpp>

using namespace weir;

TEST_CASE("SHA-1 gives the digests of FIPS 180's examples") {
  CHECK(sha1_hex("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  CHECK(sha1_hex("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(sha1_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  CHECK(sha1_hex(std::string(1'000'000, 'a')) == "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

TEST_CASE("SHA-1 pads texts of every length around a block's end") {
  // The digest of all digests: one number that stands for all of them.
  std::string all;
  for (size_t length = 0; length <= 130; ++length) all += sha1_hex(std::string(length, 'x'));
  CHECK(sha1_hex(all) == "264556ac95806d1e869b3f1fad8691f6633bcdfa");
}
