// What every algorithm promises: shares by weight, filters, and what is said in its name.

#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>
#include <set>

#include "tests/unit/balance_fixture.hh"

using namespace weir;
using namespace weir::balance;

namespace {

constexpr uint64_t kSeed = 7;

std::string deal(ViewFixture& f, int picks) {
  std::string out;
  for (int i = 0; i < picks; ++i) out += f.pick()->name().substr(1);
  return out;
}

}  // namespace

TEST_CASE("algorithms are known by their names") {
  for (const Algorithm algorithm : kAlgorithms) {
    CHECK(*parse_algorithm(to_string(algorithm)) == algorithm);
  }
  const auto unknown = parse_algorithm("best");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().message.find("round_robin, weighted_round_robin") != std::string::npos);
  CHECK(uses_key(Algorithm::ip_hash));
  CHECK_FALSE(uses_key(Algorithm::two_choices));
}

TEST_CASE("without members, or with none that may be used, nothing is picked") {
  const auto algorithm = GENERATE(from_range(kAlgorithms));
  INFO(to_string(algorithm));
  ViewFixture empty(algorithm, {});
  CHECK(empty.pick() == nullptr);
  ViewFixture f(algorithm, {1, 2, 3});
  auto none = [](Member&) { return false; };
  CHECK(f.pick(5, Filter(none)) == nullptr);
}

TEST_CASE("where one member may be used, it is found among many") {
  const auto algorithm = GENERATE(from_range(kAlgorithms));
  const auto members = GENERATE(size_t{1}, size_t{2}, size_t{10}, size_t{700});
  INFO(to_string(algorithm) << " of " << members);
  ViewFixture f(algorithm, std::vector<uint32_t>(members, 3));
  for (const size_t lucky : {size_t{0}, members / 2, members - 1}) {
    auto only = [&](Member& member) { return &member == f.candidates[lucky].member.get(); };
    for (uint64_t key = 0; key < 20; ++key) {
      REQUIRE(f.pick(key << 50, Filter(only)) == f.candidates[lucky].member.get());
    }
  }
}

TEST_CASE("round robin deals in turn, and shares the turns of one that is out") {
  ViewFixture f(Algorithm::round_robin, {1, 1, 1, 1});
  CHECK(deal(f, 8) == "01230123");
  auto not_1 = [](Member& member) { return member.name() != "m1"; };
  for (const double share : {f.shares(3000, Filter(not_1))[0], f.shares(3000, Filter(not_1))[2]})
    CHECK(share == Approx(1.0 / 3));
}

TEST_CASE("smooth weighted round robin deals as nginx does") {
  ViewFixture f(Algorithm::weighted_round_robin, {5, 1, 1});
  CHECK(deal(f, 14) == "00102000010200");
}

TEST_CASE("the turn goes on when a view is replaced") {
  ViewFixture f(Algorithm::round_robin, {1, 1, 1});
  CHECK(deal(f, 2) == "01");
  f.rebuild(Algorithm::round_robin);
  CHECK(deal(f, 2) == "20");
}

TEST_CASE("a round that would be too long is dealt by rounded weights") {
  std::vector<uint32_t> weights;
  for (uint32_t i = 0; i < 1000; ++i) weights.push_back(i % 2 == 0 ? 65'535 : 32'771);
  ViewFixture f(Algorithm::weighted_round_robin, weights);
  const auto shares = f.shares(400'000);
  double even = 0;
  for (size_t i = 0; i < shares.size(); i += 2) even += shares[i];
  CHECK(even == Approx(2.0 / 3).margin(0.02));
}

TEST_CASE("a member of the key is found again, whatever order the members stand in") {
  const auto algorithm =
      GENERATE(Algorithm::ip_hash, Algorithm::hash, Algorithm::maglev, Algorithm::bounded_hash);
  INFO(to_string(algorithm));
  ViewFixture f(algorithm, {1, 2, 3, 1, 1});
  Random keys(kSeed);
  std::map<uint64_t, std::string> placed;
  for (int i = 0; i < 2000; ++i) {
    const uint64_t key = keys.next();
    placed[key] = f.pick(key)->name();
  }
  std::reverse(f.candidates.begin(), f.candidates.end());
  f.rebuild(algorithm);
  for (const auto& [key, name] : placed) REQUIRE(f.pick(key)->name() == name);
}

TEST_CASE("the next best member for a key is always the same") {
  const auto algorithm = GENERATE(Algorithm::hash, Algorithm::maglev, Algorithm::bounded_hash);
  ViewFixture f(algorithm, {1, 1, 1, 1, 1});
  for (uint64_t key = 1; key < 500; ++key) {
    const uint64_t hash = key * 0x9e3779b97f4a7c15;
    std::set<Member*> tried;
    auto fresh = [&](Member& member) { return !tried.contains(&member); };
    std::vector<Member*> order;
    while (Member* member = f.pick(hash, Filter(fresh))) {
      order.push_back(member);
      tried.insert(member);
    }
    REQUIRE(order.size() == 5);
    tried = {order[0], order[1]};
    REQUIRE(f.pick(hash, Filter(fresh)) == order[2]);
  }
}

TEST_CASE("least connections and two choices look at what is under way for the weight") {
  const auto algorithm = GENERATE(Algorithm::least_connections, Algorithm::two_choices);
  ViewFixture f(algorithm, {1, 4});
  std::vector<InFlight> held;
  for (int i = 0; i < 500; ++i) held.emplace_back(*f.pick());
  CHECK(f.candidates[0].member->in_flight() == Approx(100).margin(3));
  CHECK(f.counters->in_flight == 500);
  held.clear();
  CHECK(f.candidates[0].member->in_flight() == 0);
  CHECK(f.counters->in_flight == 0);
}

TEST_CASE("an ejected member's mark is ignored in panic only") {
  ViewFixture f(Algorithm::round_robin, {1});
  const View panic(Algorithm::round_robin, {}, f.candidates, {}, f.counters, true);
  CHECK(panic.is_panic());
  CHECK(panic.find("m0") == f.candidates[0].member.get());
  CHECK(panic.find("m1") == nullptr);
}
