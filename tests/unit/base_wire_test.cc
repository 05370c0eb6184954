#include "pkg/base/wire.hh"

#include <catch2/catch.hpp>

using namespace weir;

TEST_CASE("what is written is read again") {
  std::string out;
  WireWriter(out).u8(255).u32(0x01020304).u64(UINT64_MAX).text("text").text("");
  CHECK(out.substr(1, 4) == "\x04\x03\x02\x01");
  WireReader reader(out);
  CHECK(reader.u8() == 255);
  CHECK(reader.u32() == 0x01020304);
  CHECK(reader.u64() == UINT64_MAX);
  CHECK(reader.text() == "text");
  CHECK(reader.text().empty());
  CHECK(reader.is_whole());
}

TEST_CASE("what is not there is zero and stays bad") {
  WireReader reader(std::string_view("\x01\x00", 2));
  CHECK(reader.u32() == 0);
  CHECK_FALSE(reader.is_good());
  CHECK(reader.u8() == 0);
  CHECK(reader.text().empty());
  CHECK_FALSE(reader.is_good());
}

TEST_CASE("a text that claims more than there is reads nothing") {
  WireReader reader(
      std::string_view("\xff\xff\xff\xff"
                       "abc",
                       7));
  CHECK(reader.text().empty());
  CHECK_FALSE(reader.is_good());
}
