#include <catch2/catch.hpp>

#include "pkg/lock/index.hh"

using namespace weir;
using namespace weir::lock;
using keyspace::Keyspace;

namespace {

struct Server {
  Keyspace keys;
  Index locks{[] { return int64_t{77}; }};
  std::string told;

  Server() {
    keys.on_change([this](const keyspace::Change& change) { locks.follow(change); });
    locks.on_happening([this](const Happening& happening) {
      constexpr const char* kKinds = "cgrw";
      told += std::string(happening.name) + std::to_string(happening.ticket.token) +
              kKinds[static_cast<size_t>(happening.kind)] + " ";
    });
  }
  void put(const std::string& key, std::string value = {}) {
    keyspace::Request request;
    request.then.emplace_back(keyspace::Put{key, std::move(value)});
    carry_out(request);
  }
  void erase(const std::string& key) {
    keyspace::Request request;
    request.then.emplace_back(keyspace::Erase{{key}});
    carry_out(request);
  }
  void carry_out(const keyspace::Request& request) {
    std::string record;
    REQUIRE(keys.commit(request, keyspace::Millis{0}, record));
  }
};

}  // namespace

TEST_CASE("a lock is the queue of the keys below its name, whoever has put them") {
  Server server;
  server.put("a/1f", to_value({.mode = Mode::shared}));
  server.put("a/2", "what a client of etcd has put");
  server.put("a/b/3");
  server.put("a/not-a-lease");
  server.put("a");
  CHECK(server.told == "a2c a2g a3c a/b4c a/b4g ");
  CHECK(server.locks.queues().size() == 2);
  const Queue* const queue = server.locks.find("a");
  REQUIRE(queue != nullptr);
  CHECK(queue->find({2, 0x1f})->claim.mode == Mode::shared);
  CHECK(queue->find({2, 0x1f})->since == 77);
  CHECK(queue->find({3, 2})->claim.text == "what a client of etcd has put");
  CHECK(queue->find_token(3)->key == "a/2");
  CHECK(queue->find_token(4) == nullptr);
  server.told.clear();
  server.erase("a/1f");
  CHECK(server.told == "a2r a3g ");
  server.told.clear();
  server.erase("a/2");
  server.erase("a/b/3");
  CHECK(server.told == "a3r a/b4r ");
  CHECK(server.locks.queues().empty());
}

TEST_CASE("a claim that is changed keeps its place") {
  Server server;
  server.put("a/1", to_value({.holds = 1}));
  server.put("a/2");
  server.put("a/1", to_value({.holds = 2}));
  CHECK(server.told == "a2c a2g a3c ");
  CHECK(server.locks.find("a")->find({2, 1})->claim.holds == 2);
  CHECK(server.locks.find("a")->find({2, 1})->is_granted);
  server.erase("a/2");
  CHECK(server.told == "a2c a2g a3c a3w ");
}

TEST_CASE("an index that is rebuilt knows the same holders, in the order they came") {
  Server server;
  server.put("a/9");
  server.put("a/1");
  server.put("b/5", to_value({.mode = Mode::semaphore, .permits = 2}));
  server.put("b/4", to_value({.mode = Mode::semaphore, .permits = 2}));
  server.put("b/3", to_value({.mode = Mode::semaphore, .permits = 2}));
  Index again([] { return int64_t{0}; });
  again.rebuild(server.keys);
  CHECK(again.is_granted(*server.keys.find("a/9")));
  CHECK(!again.is_granted(*server.keys.find("a/1")));
  CHECK(again.is_granted(*server.keys.find("b/5")));
  CHECK(again.is_granted(*server.keys.find("b/4")));
  CHECK(!again.is_granted(*server.keys.find("b/3")));
}

TEST_CASE("a claim stands in its value, and any other value is an exclusive claim with it as text") {
  const Claim claim{.mode = Mode::semaphore,
                    .permits = 4,
                    .holds = 2,
                    .delay = Millis{1500},
                    .is_delay = true,
                    .text = "me",
                    .holder = {"host", 77, "why"},
                    .since = 123456789};
  const Claim read = claim_of(to_value(claim));
  CHECK(read.mode == claim.mode);
  CHECK(read.permits == claim.permits);
  CHECK(read.holds == claim.holds);
  CHECK(read.delay == claim.delay);
  CHECK(read.is_delay);
  CHECK(read.text == claim.text);
  CHECK(read.holder == claim.holder);
  CHECK(read.since == claim.since);
  for (const std::string& foreign : {std::string(), std::string("x"), to_value(claim) + "y",
                                     to_value(claim).substr(0, 9), std::string("\0weir:1\x07", 8)}) {
    CHECK(claim_of(foreign).mode == Mode::exclusive);
    CHECK(claim_of(foreign).text == foreign);
  }
  CHECK(holder_of(to_note({"host", 1, "reason"})) == Holder{"host", 1, "reason"});
  CHECK(holder_of("what") == Holder{});
  CHECK(to_note({}).empty());
}

TEST_CASE("names and keys") {
  for (const char* good : {"a", "jobs/nightly", "a:b-c.d", "schl\xc3\xbcssel"})
    CHECK(name_problem(good) == nullptr);
  for (const char* bad : {"", "/a", "a/", "a//b", "a b", "a\nb", "a\x7f", "a/../b", ".", "a/.", "a\\b"})
    CHECK(name_problem(bad) != nullptr);
  CHECK(name_problem(std::string(kMostNameBytes, 'n')) == nullptr);
  CHECK(name_problem(std::string(kMostNameBytes + 1, 'n')) != nullptr);
  CHECK(key_of("a/b", 0x1234abcd) == "a/b/1234abcd");
  const auto parsed = parse_key("a/b/1234abcd");
  REQUIRE(parsed);
  CHECK(parsed->name == "a/b");
  CHECK(parsed->lease == 0x1234abcd);
  for (const char* other : {"a", "/1", "a/", "a/x", "a/11112222333344445", "a/-1", "a/0x1"})
    CHECK(!parse_key(other));
}
