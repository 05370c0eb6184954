#include "pkg/gateway/server_entry.hh"

#include <catch2/catch.hpp>

using namespace weir;
using namespace weir::gateway;

TEST_CASE("a server is an address, known by it, with the weight 1") {
  const auto entry = ServerEntry::parse("127.0.0.1:9000");
  REQUIRE(entry);
  CHECK(entry->address == *Address::parse_connect("127.0.0.1:9000"));
  CHECK(entry->weight == 1);
  CHECK(entry->id() == "127.0.0.1:9000");
}

TEST_CASE("weight and name may follow in any order, with any number of spaces") {
  for (const std::string_view text :
       {"db.example:5432 weight=3 name=b", "  db.example:5432  name=b  weight=3 "}) {
    const auto entry = ServerEntry::parse(text);
    REQUIRE(entry);
    CHECK(entry->address.text == "db.example");
    CHECK(entry->weight == 3);
    CHECK(entry->id() == "b");
  }
}

TEST_CASE("a server's text is read as the same server again") {
  for (const std::string text : {"127.0.0.1:9000", "[::1]:1 weight=0", "unix:/run/x.sock name=x",
                                 "db.example:5432 weight=65535 name=primary"}) {
    const auto entry = ServerEntry::parse(text);
    REQUIRE(entry);
    CHECK(entry->to_string() == text);
    CHECK(*ServerEntry::parse(entry->to_string()) == *entry);
  }
}

TEST_CASE("what is no server is refused") {
  for (const std::string_view text :
       {"", "   ", "weight=3", "127.0.0.1", "127.0.0.1:99999", "127.0.0.1:1 weight=65536",
        "127.0.0.1:1 weight=-1", "127.0.0.1:1 weight=", "127.0.0.1:1 weight",
        "127.0.0.1:1 name=", "127.0.0.1:1 name=\x7f", "127.0.0.1:1 colour=red", "127.0.0.1:1 127.0.0.1:2"}) {
    const auto entry = ServerEntry::parse(text);
    INFO(text);
    REQUIRE_FALSE(entry);
    CHECK(entry.error().code == Errc::invalid);
  }
}
