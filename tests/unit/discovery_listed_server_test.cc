#include "pkg/discovery/listed_server.hh"

#include <catch2/catch.hpp>

using namespace weir;
using namespace weir::discovery;

TEST_CASE("a server is an address, known by it, with the weight 1") {
  const auto server = ListedServer::parse("127.0.0.1:9000");
  REQUIRE(server);
  CHECK(server->address == *Address::parse_connect("127.0.0.1:9000"));
  CHECK(server->weight == 1);
  CHECK(server->name == "127.0.0.1:9000");
}

TEST_CASE("weight and name may follow in any order, with any number of spaces") {
  for (const std::string_view text :
       {"db.example:5432 weight=3 name=b", "  db.example:5432  name=b  weight=3 "}) {
    const auto server = ListedServer::parse(text);
    REQUIRE(server);
    CHECK(server->address.text == "db.example");
    CHECK(server->weight == 3);
    CHECK(server->name == "b");
  }
}

TEST_CASE("a server's text is read as the same server again") {
  for (const std::string text : {"127.0.0.1:9000", "[::1]:1 weight=0", "unix:/run/x.sock name=x",
                                 "db.example:5432 weight=65535 name=primary"}) {
    const auto server = ListedServer::parse(text);
    REQUIRE(server);
    CHECK(server->to_string() == text);
    CHECK(*ListedServer::parse(server->to_string()) == *server);
  }
}

TEST_CASE("what is no server is refused") {
  for (const std::string_view text :
       {"", "   ", "weight=3", "127.0.0.1", "127.0.0.1:99999", "127.0.0.1:1 weight=65536",
        "127.0.0.1:1 weight=-1", "127.0.0.1:1 weight=", "127.0.0.1:1 weight",
        "127.0.0.1:1 name=", "127.0.0.1:1 name=\x7f", "127.0.0.1:1 colour=red", "127.0.0.1:1 name=a name=b",
        "127.0.0.1:1 weight=1 weight=2", "127.0.0.1:1 # comment", "127.0.0.1:1 name=\"a\"",
        "127.0.0.1:1 127.0.0.1:2"}) {
    const auto server = ListedServer::parse(text);
    INFO(text);
    REQUIRE_FALSE(server);
    CHECK(server.error().code == Errc::invalid);
  }
}
