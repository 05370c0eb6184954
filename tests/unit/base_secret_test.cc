#include <catch2/catch.hpp>
#include <string>

#include "pkg/base/secret.hh"

using namespace weir;

TEST_CASE("secrets are equal when all their bytes are") {
  struct Row {
    std::string given;
    std::string secret;
    bool equal;
  };
  const auto row = GENERATE(values<Row>({{"", "", true},
                                         {"a", "", false},
                                         {"", "a", false},
                                         {"hunter2", "hunter2", true},
                                         {"hunter3", "hunter2", false},
                                         {"Hunter2", "hunter2", false},
                                         {"hunter", "hunter2", false},
                                         {"hunter2hunter2", "hunter2", false},  // the secret, twice
                                         {std::string("\0", 1), "", false},
                                         {std::string("a\0b", 3), std::string("a\0b", 3), true},
                                         {std::string("a\0b", 3), std::string("a\0c", 3), false},
                                         {"\xff", "\x7f", false}}));
  CHECK(equal_in_constant_time(row.given, row.secret) == row.equal);
}
