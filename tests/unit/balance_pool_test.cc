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

TEST_CASE("an error rate or a latency far from the pool's ejects a member when it is evaluated") {
  PoolFixture f({.outlier = {.consecutive_errors = 0, .error_rate = 0.4, .latency_factor = 4}});
  f.pass(0s);
  for (const char* name : {"m0", "m1", "m2", "m3"}) f.report(name, std::string(40, 's'));
  f.report("m1", std::string(40, 'f'));
  f.report("m2", std::string(40, 's'), 200ms);
  CHECK(f.changes().empty());
  f.pass(1s);
  CHECK(f.picked() == Names{"m0", "m3"});
  CHECK(f.status("m1").why == "errors in 50% of 80 requests within 10s; out for 30s");
  CHECK(f.status("m2").why == "mean latency of 105ms where the pool's is 10ms; out for 30s");
  CHECK(f.status("m2").recent.p90 > 150ms);
}

TEST_CASE("what a member did before its ejection does not eject it again") {
  PoolFixture f({.outlier = {.error_rate = 0.1, .window = 1h}});
  f.report("m0", std::string(30, 'f'));
  f.pass(1s);
  f.report("m0", std::string(30, 'f'));  // was still under way
  f.pass(30s);
  f.pass(1s);
  CHECK(f.status("m0").state == State::up);
  CHECK(f.status("m0").times_ejected == 1);
}

TEST_CASE("no more than the cap is ejected, and fewer when the pool shrinks") {
  PoolFixture f({.panic_threshold = 0});
  for (const char* name : {"m0", "m1", "m2", "m3"}) f.report(name, "ffffffffff");
  f.pass(1s);
  CHECK(f.picked() == Names{"m2", "m3"});
  f.report("m2", "s");
  f.report("m3", "s");
  REQUIRE(f.pool.disable("m3", f.now));
  CHECK(f.picked().size() == 2);
  REQUIRE(f.pool.disable("m2", f.now));
  CHECK(f.picked().size() == 1);
  CHECK(f.pool.in_flight() == 0);
}

TEST_CASE("who comes back or is added later starts slowly, and who was there first does not") {
  PoolFixture f({.algorithm = Algorithm::round_robin, .slow_start = {.duration = 100s, .floor = 0.1}}, 2);
  CHECK(f.status("m0").share == 0.5);
  REQUIRE(f.pool.add({.name = "new"}, f.now));
  CHECK(f.status("new").state == State::starting);
  CHECK(f.status("new").why == "its weight grows over 1m40s");
  CHECK(f.status("new").share == Approx(0.1 / 2.1));
  f.pass(50s);
  CHECK(f.status("new").share == Approx(0.55 / 2.55));
  f.check("m1", "fffss");
  CHECK(f.status("m1").state == State::starting);
  f.pass(50s);
  CHECK(f.status("new").state == State::up);
  f.pass(50s);
  CHECK(f.status("m1").share == Approx(1.0 / 3));
  CHECK(f.changes() ==
        Strings{"new new starting", "m1 up down", "m1 down starting", "new starting up", "m1 starting up"});
}

TEST_CASE("a new list keeps what is known of those who stay") {
  PoolFixture f({.algorithm = Algorithm::weighted_round_robin});
  Member* const m1 = &f.member("m1");
  f.report("m1", "fffff");
  REQUIRE(f.pool.drain("m2", f.now));
  REQUIRE(f.pool.set_weight("m3", 7, f.now));
  f.changes();
  REQUIRE(f.pool.set_members({{.name = "m1"}, {.name = "m2"}, {.name = "m3"}, {.name = "m4"}}, f.now));
  CHECK(f.changes() == Strings{"m0 up removed", "m4 new up"});
  CHECK(&f.member("m1") == m1);
  CHECK(f.status("m1").state == State::ejected);
  CHECK(f.status("m2").state == State::draining);
  CHECK(f.status("m3").weight == 7);
  // Where the list changes its mind, it is right.
  REQUIRE(f.pool.set_members({{.name = "m2", .admin = Admin::disabled}, {.name = "m3", .weight = 2}}, f.now));
  CHECK(f.status("m2").state == State::disabled);
  CHECK(f.status("m3").weight == 2);
}

TEST_CASE("a member that was removed lives until its last request ends") {
  PoolFixture f;
  InFlight request(f.member("m0"));
  REQUIRE(f.pool.remove("m0", f.now));
  CHECK(f.pool.in_flight() == 1);
  f.pool.report_result(*request.member(), false, 1ms, f.now);
  CHECK(request.member()->name() == "m0");
  request = InFlight();
  CHECK(f.pool.in_flight() == 0);
}

TEST_CASE("new settings take effect at once") {
  PoolFixture f;
  CHECK(f.pool.views().get()->algorithm() == Algorithm::round_robin);
  f.pool.set_settings({.algorithm = Algorithm::maglev, .outlier = {.consecutive_errors = 1}}, f.now);
  CHECK(f.pool.views().get()->algorithm() == Algorithm::maglev);
  f.report("m0", "f");
  CHECK(f.changes() == Strings{"m0 up ejected"});
}

TEST_CASE("the next process takes over what was learned") {
  PoolSettings settings{.slow_start = {.duration = 100s}};
  PoolFixture old(settings);
  old.report("m0", "sssfffff", 20ms);
  old.check("m1", "fff", "status 503 = \"busy\"\n100%");
  old.check("m2", "ff");
  REQUIRE(old.pool.drain("m3", old.now));
  REQUIRE(old.pool.set_weight("m3", 9, old.now));
  REQUIRE(old.pool.add({.name = "late one"}, old.now));
  old.pass(10s);
  const auto state = parse_pool_state(to_text(old.pool.export_state(old.now)));
  REQUIRE(state);
  CHECK(state->members == old.pool.export_state(old.now).members);

  PoolFixture next(settings);
  next.now = old.now;
  next.pool.import_state(*state, next.now);
  for (const char* name : {"m0", "m1", "m2", "m3"}) {
    const MemberStatus was = old.status(name), is = next.status(name);
    CHECK(is.state == was.state);
    CHECK(is.why == was.why);
    CHECK(is.ejected_until == was.ejected_until);
    CHECK(is.weight == was.weight);
    CHECK(is.member->requests() == was.member->requests());
    CHECK(is.member->latency().at(next.now, 10s) == Approx(was.member->latency().at(old.now, 10s)));
  }
  next.check("m2", "f");
  CHECK(next.status("m2").state == State::down);
  REQUIRE(next.pool.add({.name = "late one"}, next.now));
  next.pass(90s);
  CHECK(next.status("late one").state == State::up);  // ten of its hundred seconds passed before
}

TEST_CASE("a state that cannot be read is refused, and one of another version is not") {
  CHECK_FALSE(parse_pool_state("weight=1"));
  CHECK_FALSE(parse_pool_state("name=a weight=x"));
  CHECK_FALSE(parse_pool_state("name=a weight=4294967296"));
  CHECK_FALSE(parse_pool_state("name=%2"));
  CHECK_FALSE(parse_pool_state("name=a admin=gone"));
  CHECK(parse_pool_state("nonsense").error().message ==
        "state of a pool: \"nonsense\" is not of the form key=value");
  CHECK(parse_pool_state("").value().members.empty());
  CHECK(parse_pool_state("name=a colour=red\n\nname=b%20c\n").value().members[1].name == "b c");
}
