// A pool's members and their states, on a virtual clock.

#include <catch2/catch.hpp>
#include <set>

#include "pkg/balance/pool.hh"

using namespace weir;
using namespace weir::balance;
using namespace std::chrono_literals;

namespace {

constexpr MonotonicTime kStart{1000h};

struct PoolFixture {
  Pool pool;
  MonotonicTime now = kStart;
  Random random{1};

  explicit PoolFixture(PoolSettings settings = {}, size_t members = 4) : pool("web", settings) {
    std::vector<MemberConfig> list;
    for (size_t i = 0; i < members; ++i) list.push_back({.name = "m" + std::to_string(i)});
    REQUIRE(pool.set_members(list, now));
    pool.take_changes();
  }
  Member& member(std::string_view name) {
    for (const MemberStatus& status : pool.status()) {
      if (status.member->name() == name) return *status.member;
    }
    FAIL("no member");
    abort();
  }
  MemberStatus status(std::string_view name) {
    for (MemberStatus& status : pool.status()) {
      if (status.member->name() == name) return status;
    }
    FAIL("no member");
    abort();
  }
  void report(std::string_view name, std::string_view outcomes, Duration latency = 10ms) {
    Member& reported = member(name);
    for (const char outcome : outcomes) pool.report_result(reported, outcome == 's', latency, now);
  }
  void check(std::string_view name, std::string_view outcomes, std::string_view note = "refused") {
    for (const char outcome : outcomes) pool.report_check(name, outcome == 's', note, now);
  }
  void pass(Duration time) {
    now += time;
    pool.evaluate(now);
  }
  // The changes since last asked, each as "m1 up down".
  std::vector<std::string> changes() {
    std::vector<std::string> out;
    for (const Change& change : pool.take_changes())
      out.push_back(change.member + " " + change.from + " " + change.to);
    return out;
  }
  // Who is picked, in order of names.
  std::set<std::string> picked() {
    Pool::Reader reader(pool.views());
    std::set<std::string> out;
    for (int i = 0; i < 200; ++i) {
      Member* picked = reader.get()->pick({.random = random, .now = now, .key = random.next()});
      if (picked != nullptr) out.insert(picked->name());
    }
    return out;
  }
};

using Strings = std::vector<std::string>;
using Names = std::set<std::string>;

}  // namespace

TEST_CASE("members that are added take part, and are told as changes") {
  Pool pool("web", {});
  REQUIRE(pool.add({.name = "a"}, kStart));
  REQUIRE(pool.add({.name = "b", .weight = 3}, kStart));
  const auto changes = pool.take_changes();
  REQUIRE(changes.size() == 2);
  CHECK(changes[1].member == "b");
  CHECK(changes[1].from == "new");
  CHECK(changes[1].to == "up");
  CHECK(changes[1].time == kStart);
  CHECK(pool.take_changes().empty());
  CHECK(pool.status()[0].share == 0.5);  // round robin knows no weights
}

TEST_CASE("what an operator asks for must be possible") {
  PoolFixture f;
  CHECK(f.pool.add({.name = "m0"}, f.now).error().message == "\"m0\" is already in pool \"web\"");
  CHECK(f.pool.add({.name = ""}, f.now).error().code == Errc::invalid);
  CHECK(f.pool.add({.name = "a\nb"}, f.now).error().code == Errc::invalid);
  CHECK(f.pool.add({.name = "x", .weight = 65'536}, f.now).error().code == Errc::invalid);
  CHECK(f.pool.remove("x", f.now).error().message == "no member \"x\" in pool \"web\"");
  CHECK(f.pool.drain("x", f.now).error().code == Errc::not_found);
  CHECK(f.pool.set_weight("x", 1, f.now).error().code == Errc::not_found);
  CHECK(f.pool.set_members({{.name = "a"}, {.name = "a"}}, f.now).error().code == Errc::invalid);
  CHECK(f.changes().empty());
}

TEST_CASE("a draining member gets no new clients but may serve its own; a disabled one may not") {
  PoolFixture f({.algorithm = Algorithm::hash});
  REQUIRE(f.pool.drain("m1", f.now));
  REQUIRE(f.pool.disable("m2", f.now));
  CHECK(f.picked() == Names{"m0", "m3"});
  CHECK(f.pool.views().get()->find("m1") != nullptr);
  CHECK(f.pool.views().get()->find("m2") == nullptr);
  CHECK(f.status("m1").why == "drained by an operator or the config");
  CHECK(f.status("m1").share == 0);
  CHECK(f.status("m0").share == 0.5);
  CHECK(f.changes() == Strings{"m1 up draining", "m2 up disabled"});
  REQUIRE(f.pool.enable("m1", f.now));
  CHECK(f.picked() == Names{"m0", "m1", "m3"});
  REQUIRE(f.pool.set_weight("m0", 0, f.now));
  CHECK(f.status("m0").why == "its weight is 0");
}

TEST_CASE("active checks take a member down and up again, with a reason") {
  PoolFixture f;
  f.check("m1", "ff");
  CHECK(f.changes().empty());
  f.check("m1", "f", "connection refused");
  CHECK(f.status("m1").state == State::down);
  CHECK(f.status("m1").why == "health checks fail: connection refused");
  CHECK(f.picked() == Names{"m0", "m2", "m3"});
  f.check("m1", "ss");
  CHECK(f.picked().size() == 4);
  CHECK(f.changes() == Strings{"m1 up down", "m1 down up"});
  f.check("gone", "fff");
  CHECK(f.changes().empty());
}

TEST_CASE("errors in a row eject a member at once, before anything is evaluated") {
  PoolFixture f;
  f.report("m2", "ffffsffff");
  CHECK(f.changes().empty());
  f.report("m2", "f");
  CHECK(f.picked() == Names{"m0", "m1", "m3"});
  CHECK(f.status("m2").why == "5 errors in a row; out for 30s");
  CHECK(f.status("m2").ejected_until == f.now + 30s);
  CHECK(f.changes() == Strings{"m2 up ejected"});
  f.pass(29s);
  CHECK(f.picked().size() == 3);
  f.pass(1s);
  CHECK(f.picked().size() == 4);
  CHECK(f.changes() == Strings{"m2 ejected up"});
}

TEST_CASE("with too few that are healthy, all in service take part") {
  PoolFixture f;
  f.check("m0", "fff");
  f.check("m1", "fff");
  CHECK_FALSE(f.pool.is_panic());
  REQUIRE(f.pool.disable("m3", f.now));
  CHECK(f.pool.is_panic());
  CHECK(f.picked() == Names{"m0", "m1", "m2"});
  const auto changes = f.pool.take_changes();
  CHECK(changes.back().member.empty());
  CHECK(changes.back().to == "panic");
  CHECK(changes.back().reason == "only 1 of 3 members are healthy: all take part, whatever their health");
  f.check("m0", "ss");
  CHECK_FALSE(f.pool.is_panic());
  CHECK(f.picked() == Names{"m0", "m2"});
}
