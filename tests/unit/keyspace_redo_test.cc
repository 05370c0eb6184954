#include <catch2/catch.hpp>

#include "pkg/base/random.hh"
#include "pkg/keyspace/keyspace.hh"

using namespace weir::keyspace;

namespace {

// All that can be seen of a keyspace but times.
std::string described(const Keyspace& keys) {
  std::string out = std::to_string(keys.revision()) + "\n";
  const std::string end(1, '\0');
  for (const auto& key : keys.range({.range = {end, end}}).found) {
    out += key->key + "=" + key->value + " " + std::to_string(key->created) + " " +
           std::to_string(key->modified) + " " + std::to_string(key->version) + " " +
           std::to_string(key->lease) + "\n";
  }
  std::map<LeaseId, const Lease*> leases;
  for (const auto& [id, lease] : keys.leases()) leases.emplace(id, &lease);
  for (const auto& [id, lease] : leases) {
    out += std::to_string(id) + " " + std::to_string(lease->ttl.count()) +
           (lease->ends_with_keys ? " e" : " -") + lease->note;
    for (const auto& key : lease->keys) out += " " + key;
    out += "\n";
  }
  return out;
}

Request random_request(weir::Random& random) {
  const auto key = [&] { return "k" + std::to_string(random.below(8)); };
  const auto lease = [&] { return static_cast<LeaseId>(random.below(6)); };
  Request request;
  for (uint64_t i = 0; i <= random.below(3); ++i) {
    switch (random.below(6)) {
      case 0:
        request.then.emplace_back(
            Grant{lease() + 1, Millis(1000 + random.below(9)), random.below(2) == 0, "note"});
        break;
      case 1:
        request.then.emplace_back(Revoke{lease() + 1});
        break;
      case 2:
        request.then.emplace_back(Erase{random.below(2) == 0 ? KeyRange{key()} : range_of_prefix("k")});
        break;
      case 3:
        request.then.emplace_back(Put{.key = key(), .value = {}, .lease = lease(), .keeps_value = true});
        break;
      default:
        request.then.emplace_back(Put{key(), std::to_string(random.below(100)), lease()});
    }
  }
  return request;
}

}  // namespace

TEST_CASE("records redone in order make the same keyspace, from the beginning or from any snapshot") {
  const uint64_t seed = weir::Random().next();
  INFO("seed " << seed);
  weir::Random random(seed);
  for (int round = 0; round < 200; ++round) {
    Keyspace first;
    Keyspace second;
    std::unique_ptr<Keyspace> third;
    for (int step = 0; step < 60; ++step) {
      std::string record;
      const std::string before = described(first);
      const auto response = first.commit(random_request(random), Millis(step), record);
      if (!response) {
        REQUIRE(record.empty());
        REQUIRE(described(first) == before);
        continue;
      }
      if (record.empty()) REQUIRE(described(first) == before);
      REQUIRE(second.redo(record, Millis(0)));
      if (third) REQUIRE(third->redo(record, Millis(0)));
      if (step == 30) {
        third = std::make_unique<Keyspace>();
        REQUIRE(third->restore(first.snapshot(), Millis(0)));
      }
    }
    REQUIRE(described(second) == described(first));
    if (third) REQUIRE(described(*third) == described(first));
  }
}

TEST_CASE("a lease starts anew when it is redone") {
  Keyspace keys;
  std::string record;
  Request request;
  request.then.emplace_back(Grant{1, Millis{1000}});
  REQUIRE(keys.commit(request, Millis{50}, record));
  Keyspace after;
  REQUIRE(after.redo(record, Millis{70'000}));
  CHECK(after.next_end() == Millis{71'000});
  Keyspace restored;
  REQUIRE(restored.restore(keys.snapshot(), Millis{90'000}));
  CHECK(restored.next_end() == Millis{91'000});
}

TEST_CASE("what is not a record or a snapshot is refused") {
  Keyspace keys;
  CHECK(!keys.redo("\x09", Millis{0}));
  CHECK(!keys.redo(std::string("\x01\x04\x00\x00\x00k", 6), Millis{0}));
  CHECK(!keys.redo(std::string("\x02\x01\x00\x00\x00k", 6), Millis{0}));
  CHECK(!Keyspace().restore("", Millis{0}));
  std::string record;
  Request request;
  request.then.emplace_back(Put{"key", "value"});
  REQUIRE(keys.commit(request, Millis{0}, record));
  const std::string snapshot = keys.snapshot();
  for (size_t size = 0; size < snapshot.size(); ++size)
    CHECK(!Keyspace().restore(snapshot.substr(0, size), Millis{0}));
  CHECK(!Keyspace().restore(snapshot + "x", Millis{0}));
  for (size_t size = 1; size < record.size(); ++size)
    CHECK(!Keyspace().redo(record.substr(0, size), Millis{0}));
}
