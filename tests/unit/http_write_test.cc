#include "pkg/http/write.hh"

#include <catch2/catch.hpp>

using namespace weir::http;

TEST_CASE("fields are written one behind the other while the string grows under them") {
  std::string out, expected;
  for (size_t size = 0; size < 100; ++size) {
    const std::string name(size % 7 + 1, 'n'), value(size, 'v');
    append_field(out, name, value);
    expected += name + ": " + value + "\r\n";
    REQUIRE(out == expected);
  }
}
