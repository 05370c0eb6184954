#include "pkg/base/crc32c.hh"

#include <catch2/catch.hpp>
#include <string>

using namespace weir;

TEST_CASE("CRC32C gives the values of RFC 3720 B.4") {
  CHECK(crc32c("") == 0);
  CHECK(crc32c("123456789") == 0xe3069283);
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aa);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43);
}

TEST_CASE("CRC32C goes on where it stopped") {
  CHECK(crc32c("56789", crc32c("1234")) == crc32c("123456789"));
}
