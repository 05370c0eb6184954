#include <catch2/catch.hpp>

#include "pkg/keyspace/keyspace.hh"

using namespace weir::keyspace;
using weir::Errc;

namespace {

Request put(std::string key, std::string value, LeaseId lease = 0) {
  Request request;
  request.then.emplace_back(Put{std::move(key), std::move(value), lease});
  return request;
}

Request grant(LeaseId id, int ttl, bool ends_with_keys = false) {
  Request request;
  request.then.emplace_back(Grant{id, Millis(ttl), ends_with_keys});
  return request;
}

Request erase(KeyRange range) {
  Request request;
  request.then.emplace_back(Erase{std::move(range)});
  return request;
}

Response done(Keyspace& keys, const Request& request, Millis now = Millis{0}) {
  std::string record;
  auto response = keys.commit(request, now, record);
  REQUIRE(response);
  return *response;
}

Errc refused(Keyspace& keys, const Request& request) {
  std::string record;
  const auto response = keys.commit(request, Millis{0}, record);
  REQUIRE(!response);
  CHECK(record.empty());
  return response.error().code;
}

}  // namespace

TEST_CASE("each request that changes keys has the next revision, and one that changes none has not") {
  Keyspace keys;
  CHECK(done(keys, put("a", "1")).revision == 2);
  CHECK(done(keys, put("a", "2")).revision == 3);
  CHECK(done(keys, erase({"x"})).revision == 3);
  CHECK(done(keys, grant(7, 1000)).revision == 3);
  const auto a = keys.find("a");
  CHECK(a->created == 2);
  CHECK(a->modified == 3);
  CHECK(a->version == 2);
  done(keys, erase({"a"}));
  CHECK(keys.find("a") == nullptr);
  done(keys, put("a", "3"));
  CHECK(keys.find("a")->created == 5);
  CHECK(keys.find("a")->version == 1);
}

TEST_CASE("a request happens as a whole or not at all") {
  Keyspace keys;
  Request request = put("a", "1");
  request.then.emplace_back(Put{"b", "1", 99});
  CHECK(refused(keys, request) == Errc::not_found);
  CHECK(keys.size() == 0);
  CHECK(keys.revision() == 1);
}

TEST_CASE("what a request cannot ask for is refused") {
  Limits limits;
  limits.keys = 2;
  limits.leases = 1;
  limits.operations = 2;
  Keyspace keys(limits);
  CHECK(refused(keys, put("", "x")) == Errc::invalid);
  CHECK(refused(keys, put(std::string(limits.key_bytes + 1, 'k'), "x")) == Errc::limit);
  CHECK(refused(keys, put("k", std::string(limits.value_bytes + 1, 'v'))) == Errc::limit);
  CHECK(refused(keys, grant(0, 1000)) == Errc::invalid);
  CHECK(refused(keys, grant(-3, 1000)) == Errc::invalid);
  CHECK(refused(keys, grant(1, 0)) == Errc::invalid);
  Request forever;
  forever.then.emplace_back(Grant{1, std::chrono::days(365 * 100)});
  CHECK(refused(keys, forever) == Errc::invalid);
  Request twice = put("a", "1");
  twice.then.emplace_back(Put{"a", "2"});
  CHECK(refused(keys, twice) == Errc::invalid);
  Request revoke;
  revoke.then.emplace_back(Revoke{5});
  CHECK(refused(keys, revoke) == Errc::not_found);
  Request many = put("a", "1");
  many.then.emplace_back(Range{});
  many.then.emplace_back(Range{});
  CHECK(refused(keys, many) == Errc::limit);
  Request keep;
  keep.then.emplace_back(Put{.key = "a", .value = {}, .keeps_value = true});
  CHECK(refused(keys, keep) == Errc::not_found);

  done(keys, grant(1, 1000));
  CHECK(refused(keys, grant(1, 1000)) == Errc::refused);
  CHECK(refused(keys, grant(2, 1000)) == Errc::limit);
  done(keys, put("a", "1"));
  done(keys, put("b", "1"));
  CHECK(refused(keys, put("c", "1")) == Errc::limit);
  CHECK(done(keys, put("a", "2")).revision == 4);
}

TEST_CASE("compares choose what is done, and hold for a range when they hold for all its keys") {
  using Target = Compare::Target;
  using Relation = Compare::Relation;
  Keyspace keys;
  done(keys, put("p/1", "x"));
  done(keys, put("p/2", "x"));
  const auto holds = [&](Compare compare) {
    Request request;
    request.compares.push_back(std::move(compare));
    return done(keys, request).held;
  };
  CHECK(holds({{"p/1"}, Target::version, Relation::equal, 1}));
  CHECK(!holds({{"p/1"}, Target::version, Relation::not_equal, 1}));
  CHECK(holds({{"p/1"}, Target::value, Relation::equal, 0, "x"}));
  CHECK(holds({{"p/1"}, Target::value, Relation::less, 0, "y"}));
  CHECK(holds({range_of_prefix("p/"), Target::created, Relation::greater, 0}));
  CHECK(!holds({range_of_prefix("p/"), Target::created, Relation::equal, 2}));
  CHECK(holds({{"q"}, Target::created, Relation::equal, 0}));
  CHECK(holds({range_of_prefix("q/"), Target::created, Relation::equal, 0}));
  CHECK(!holds({{"q"}, Target::value, Relation::equal, 0, ""}));
  CHECK(holds({{"p/1"}, Target::lease, Relation::equal, 0}));
  CHECK(holds({{"p/2"}, Target::modified, Relation::equal, 3}));

  Request choice;
  choice.compares.push_back({{"q"}, Target::version, Relation::greater, 0});
  choice.then.emplace_back(Put{"then", "1"});
  choice.otherwise.emplace_back(Put{"otherwise", "1"});
  CHECK(!done(keys, choice).held);
  CHECK(keys.find("then") == nullptr);
  CHECK(keys.find("otherwise") != nullptr);
}

TEST_CASE("a range finds what it spans, in the order asked for") {
  Keyspace keys;
  for (const char* key : {"b", "a", "c", "ca", "d"}) done(keys, put(key, std::string(1, key[0])));
  const auto found = [&](const Range& query) {
    std::string all;
    for (const auto& key : keys.range(query).found) all += key->key + " ";
    return all;
  };
  const std::string end(1, '\0');
  CHECK(found({.range = {"a"}}) == "a ");
  CHECK(found({.range = {"a", "c"}}) == "a b ");
  CHECK(found({.range = {"c", end}}) == "c ca d ");
  CHECK(found({.range = {end, end}}) == "a b c ca d ");
  CHECK(found({.range = {"c", "a"}}).empty());
  CHECK(found({.range = range_of_prefix("c")}) == "c ca ");
  CHECK(found({.range = {end, end}, .sort_by = Range::SortBy::created}) == "b a c ca d ");
  CHECK(found({.range = {end, end}, .sort_by = Range::SortBy::created, .is_descending = true, .limit = 2}) ==
        "d ca ");
  CHECK(found({.range = {end, end}, .most_created = 3}) == "a b ");
  CHECK(keys.range({.range = {end, end}, .limit = 2}).count == 5);
  CHECK(keys.range({.range = {end, end}, .counts_only = true}).found.empty());
  CHECK(range_of_prefix("\xff\xff").is_open_ended());
}

TEST_CASE("a lease that ends takes its keys along") {
  Keyspace keys;
  done(keys, grant(1, 1000), Millis{100});
  done(keys, put("a", "", 1));
  done(keys, put("b", "", 1));
  CHECK(keys.next_end() == Millis{1100});
  CHECK(keys.ended(Millis{1099}).empty());
  REQUIRE(keys.keep_alive(1, Millis{600}));
  CHECK(keys.ended(Millis{1100}).empty());
  CHECK(keys.ended(Millis{1600}) == std::vector<LeaseId>{1});
  Request revoke;
  revoke.then.emplace_back(Revoke{1});
  CHECK(done(keys, revoke).revision == 4);
  CHECK(keys.size() == 0);
  CHECK(!keys.keep_alive(1, Millis{1600}));
  CHECK(!keys.next_end());
}

TEST_CASE("a key moves from lease to lease, and a lease that ends with its keys does") {
  Keyspace keys;
  Request first;
  first.then.emplace_back(Grant{1, Millis{1000}, true});
  first.then.emplace_back(Put{"a", "x", kGranted});
  done(keys, first);
  CHECK(keys.find("a")->lease == 1);
  Request second;
  second.then.emplace_back(Grant{2, Millis{5000}, true});
  second.then.emplace_back(Put{.key = "a", .value = {}, .lease = kGranted, .keeps_value = true});
  done(keys, second);
  CHECK(keys.find("a")->value == "x");
  CHECK(keys.find("a")->created == 2);
  CHECK(keys.find_lease(1) == nullptr);
  done(keys, erase({"a"}));
  CHECK(keys.leases().empty());
}

TEST_CASE("what was changed long ago is forgotten, whole revisions at a time, and says so") {
  Limits limits;
  limits.history = 4;
  Keyspace keys(limits);
  done(keys, put("a", "1"));
  Request two = put("b", "1");
  two.then.emplace_back(Put{"c", "1"});
  done(keys, two);
  done(keys, put("a", "2"));
  CHECK(keys.first_after(2) == 0U);
  CHECK(keys.first_after(3) == 1U);
  CHECK(keys.first_after(5) == 4U);
  done(keys, put("a", "3"));
  CHECK(keys.forgotten() == 2);
  CHECK(!keys.first_after(2));
  CHECK(keys.first_after(3) == 0U);
  done(keys, put("a", "4"));
  CHECK(keys.forgotten() == 3);
  CHECK(keys.history().size() == 3);
}

TEST_CASE("a listener is told of each change with what was there before") {
  Keyspace keys;
  std::string told;
  keys.on_change([&](const Change& change) {
    told += change.now->key + (change.before ? change.before->value : "-") +
            (change.now->version > 0 ? change.now->value : "-") + " ";
  });
  done(keys, put("a", "1"));
  done(keys, put("a", "2"));
  done(keys, erase({"a"}));
  CHECK(told == "a-1 a12 a2- ");
}
