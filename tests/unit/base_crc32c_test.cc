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

TEST_CASE("CRC32C of many bytes at once is that of one after the other") {
  std::string text;
  for (uint32_t bytewise = 0; text.size() < 100; text += static_cast<char>(text.size() * 37)) {
    CHECK(crc32c(text) == bytewise);
    bytewise = crc32c(std::string(1, static_cast<char>(text.size() * 37)), bytewise);
  }
}
