#include <barrier>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "pkg/base/random.hh"
#include "pkg/resilience/circuit_breaker.hh"

using namespace weir;
using namespace weir::resilience;
using namespace std::chrono_literals;

namespace {

constexpr MonotonicTime kStart{1000h};
constexpr BreakerSettings kInRow{.failures = 3, .ratio = 0};
constexpr BreakerSettings kShare{.failures = 0, .ratio = 0.5, .minimum = 4, .window = 10s};

// One request after the other, a millisecond apart: 's' succeeds, 'f' fails, '-' is given up.
MonotonicTime play(CircuitBreaker& breaker, std::string_view outcomes, MonotonicTime now = kStart) {
  for (const char outcome : outcomes) {
    now += 1ms;
    Permit permit = breaker.allow(now);
    if (outcome == 's') permit.success(now);
    if (outcome == 'f') permit.failure(now);
  }
  return now;
}

// A breaker that has just opened at kStart, for two seconds.
void open_at_start(CircuitBreaker& breaker) {
  play(breaker, "fff", kStart - 3ms);
  REQUIRE(breaker.state() == BreakerState::open);
  REQUIRE(breaker.changed_at() == kStart);
}

}  // namespace

TEST_CASE("failures in a row, or their share within the window, open a breaker") {
  struct Row {
    BreakerSettings settings;
    std::string outcomes;
    BreakerState state;
  };
  const auto row = GENERATE(values<Row>({
      {kInRow, "", BreakerState::closed},
      {kInRow, "ff", BreakerState::closed},
      {kInRow, "fff", BreakerState::open},
      {kInRow, "ffsffsff", BreakerState::closed},
      {kInRow, "ff-f", BreakerState::open},
      {kShare, "fff", BreakerState::closed},
      {kShare, "ffff", BreakerState::open},
      {kShare, "fssf", BreakerState::open},
      {kShare, "fsssf", BreakerState::closed},
      {kShare, "fss---f", BreakerState::open},
      {{.failures = 0, .ratio = 0}, "ffffffffffffffffffffffff", BreakerState::closed},
      {{.failures = 4, .ratio = 0.5, .minimum = 3}, "fff", BreakerState::open},
      {{.failures = 1, .ratio = 0.5}, "f", BreakerState::open},
  }));
  CircuitBreaker breaker(row.settings);
  play(breaker, row.outcomes);
  INFO(row.outcomes);
  CHECK(breaker.state() == row.state);
  CHECK(breaker.times_opened() == (row.state == BreakerState::open ? 1 : 0));
}

TEST_CASE("failures further apart than the window don't add up to a share") {
  CircuitBreaker breaker(kShare);
  MonotonicTime now = play(breaker, "fff");
  now = play(breaker, "fff", now + 10s);
  CHECK(breaker.state() == BreakerState::closed);
  play(breaker, "f", now);
  CHECK(breaker.state() == BreakerState::open);
}

TEST_CASE("a breaker that never changed says so") {
  const CircuitBreaker breaker(kInRow);
  CHECK(breaker.changed_at() == MonotonicTime{});
  CHECK(breaker.time_to_probe(kStart) == 0s);
  CHECK(breaker.times_opened() == 0);
}

TEST_CASE("an open breaker lets nothing through until its time is over") {
  CircuitBreaker breaker(kInRow);
  open_at_start(breaker);
  CHECK_FALSE(breaker.allow(kStart).is_given());
  CHECK_FALSE(breaker.allow(kStart + 1999ms).is_given());
  CHECK(breaker.time_to_probe(kStart + 500ms) == 1500ms);
  CHECK(breaker.time_to_probe(kStart + 3s) == 0s);
  CHECK(breaker.state() == BreakerState::open);
  CHECK(breaker.allow(kStart + 2s).is_given());
  CHECK(breaker.state() == BreakerState::half_open);
  CHECK(breaker.changed_at() == kStart + 2s);
}

TEST_CASE("half-open lets one probe through at a time") {
  CircuitBreaker breaker(kInRow);
  open_at_start(breaker);
  Permit probe = breaker.allow(kStart + 2s);
  REQUIRE(probe.is_given());
  CHECK_FALSE(breaker.allow(kStart + 2s).is_given());
  CHECK_FALSE(breaker.allow(kStart + 1h).is_given());
}

TEST_CASE("a probe that succeeds closes the breaker") {
  CircuitBreaker breaker(kInRow);
  open_at_start(breaker);
  breaker.allow(kStart + 2s).success(kStart + 3s);
  CHECK(breaker.state() == BreakerState::closed);
  CHECK(breaker.changed_at() == kStart + 3s);
  play(breaker, "ff", kStart + 3s);
  CHECK(breaker.state() == BreakerState::closed);  // what it counted before is forgotten
}

TEST_CASE("as many probes in a row must succeed as the settings ask") {
  CircuitBreaker breaker({.failures = 3, .ratio = 0, .probes = 3});
  open_at_start(breaker);
  const MonotonicTime now = play(breaker, "ss", kStart + 2s);
  CHECK(breaker.state() == BreakerState::half_open);
  play(breaker, "s", now);
  CHECK(breaker.state() == BreakerState::closed);
}

TEST_CASE("a failed probe among successful ones opens it, and the count begins anew") {
  CircuitBreaker breaker({.failures = 3, .ratio = 0, .probes = 3});
  open_at_start(breaker);
  const MonotonicTime now = play(breaker, "ssf", kStart + 2s);
  CHECK(breaker.state() == BreakerState::open);
  play(breaker, "ss", now + 4s);
  CHECK(breaker.state() == BreakerState::half_open);
}

TEST_CASE("the open time doubles with each failed probe up to its cap, and is as at first after a success") {
  CircuitBreaker breaker({.failures = 3, .ratio = 0, .open_time = 2s, .open_cap = 15s});
  open_at_start(breaker);
  MonotonicTime now = kStart;
  for (const Duration open_time : {2s, 4s, 8s, 15s, 15s}) {
    CHECK(breaker.time_to_probe(now) == open_time);
    now += open_time;
    breaker.allow(now).failure(now);
  }
  CHECK(breaker.times_opened() == 6);
  now += 15s;
  breaker.allow(now).success(now);
  now = play(breaker, "fff", now);
  CHECK(breaker.time_to_probe(now) == 2s);
}

TEST_CASE("a cap below the open time does not shorten it") {
  CircuitBreaker breaker({.failures = 3, .ratio = 0, .open_time = 2s, .open_cap = 1s});
  open_at_start(breaker);
  breaker.allow(kStart + 2s).failure(kStart + 2s);
  CHECK(breaker.time_to_probe(kStart + 2s) == 2s);
}

TEST_CASE("a probe that is given up makes room for the next") {
  CircuitBreaker breaker(kInRow);
  open_at_start(breaker);
  const MonotonicTime later = kStart + 2s;
  SECTION("by a word") {
    Permit probe = breaker.allow(later);
    probe.abandon();
    CHECK_FALSE(probe.is_given());
  }
  SECTION("by its death") {
    CHECK(breaker.allow(later).is_given());
  }
  SECTION("by being overwritten") {
    Permit probe = breaker.allow(later);
    probe = Permit();
  }
  SECTION("by the death of who it was moved to") {
    Permit probe = breaker.allow(later);
    const Permit moved = std::move(probe);
    CHECK(moved.is_given());
    CHECK_FALSE(breaker.allow(later).is_given());
  }
  CHECK(breaker.state() == BreakerState::half_open);
  CHECK(breaker.allow(later).is_given());
}

TEST_CASE("a permit speaks once") {
  CircuitBreaker breaker(kInRow);
  Permit permit = breaker.allow(kStart);
  permit.failure(kStart);
  permit.failure(kStart);
  permit.failure(kStart);
  CHECK_FALSE(permit.is_given());
  CHECK(breaker.state() == BreakerState::closed);
}

TEST_CASE("what was sent before it opened has no say any more") {
  CircuitBreaker breaker(kInRow);
  std::vector<Permit> stale;
  for (int i = 0; i < 7; ++i) stale.push_back(breaker.allow(kStart - 1s));
  open_at_start(breaker);
  stale[0].success(kStart);
  stale[1].failure(kStart);
  CHECK(breaker.state() == BreakerState::open);
  Permit probe = breaker.allow(kStart + 2s);
  stale[2].success(kStart + 2s);
  stale[3].failure(kStart + 2s);
  CHECK(breaker.state() == BreakerState::half_open);
  CHECK_FALSE(breaker.allow(kStart + 2s).is_given());
  probe.success(kStart + 2s);
  for (size_t i = 4; i < stale.size(); ++i) stale[i].failure(kStart + 60s);
  CHECK(breaker.state() == BreakerState::closed);
}

TEST_CASE("new settings apply at once and leave the state as it is") {
  CircuitBreaker breaker(kInRow);
  play(breaker, "ff");
  breaker.set_settings({.failures = 4, .ratio = 0, .open_time = 5s});
  play(breaker, "f");
  CHECK(breaker.state() == BreakerState::closed);
  play(breaker, "f", kStart - 1ms);
  CHECK(breaker.state() == BreakerState::open);
  breaker.set_settings({.failures = 0, .ratio = 0, .open_time = 1s});
  CHECK(breaker.state() == BreakerState::open);
  CHECK(breaker.time_to_probe(kStart) == 5s);
}

TEST_CASE("states have names") {
  CHECK(to_string(BreakerState::closed) == "closed");
  CHECK(to_string(BreakerState::open) == "open");
  CHECK(to_string(BreakerState::half_open) == "half-open");
}

TEST_CASE("whatever happens, a breaker lets a probe through within its cap, and one at a time") {
  const uint64_t seed = Random().next();
  INFO("seed = " << seed);
  Random random(seed);
  CircuitBreaker breaker({.failures = 3, .ratio = 0.5, .minimum = 5, .open_time = 1s, .open_cap = 8s});
  MonotonicTime now = kStart;
  std::vector<Permit> under_way;
  for (int i = 0; i < 20'000; ++i) {
    now += Duration{static_cast<int64_t>(random.below(200'000'000))};
    const BreakerState before = breaker.state();
    Permit permit = breaker.allow(now);
    REQUIRE((before != BreakerState::closed || permit.is_given()));
    REQUIRE((breaker.state() != BreakerState::open || !permit.is_given()));
    REQUIRE((breaker.state() != BreakerState::open || now - breaker.changed_at() < 8s));
    if (breaker.state() == BreakerState::half_open) {
      REQUIRE_FALSE(breaker.allow(now).is_given());
    }
    if (permit.is_given()) under_way.push_back(std::move(permit));
    if (under_way.size() < 5 && random.below(3) != 0) continue;
    if (under_way.empty()) continue;
    std::swap(under_way[random.below(under_way.size())], under_way.back());
    const uint64_t outcome = random.below(5);
    if (outcome < 2) under_way.back().success(now);
    if (outcome == 2 || outcome == 3) under_way.back().failure(now);
    under_way.pop_back();
  }
  CHECK(breaker.times_opened() > 10);
}

TEST_CASE("of many threads that ask an open breaker at the same time, one gets the probe") {
  constexpr int kThreads = 4;
  constexpr int kRounds = 500;
  CircuitBreaker breaker({.failures = 3, .ratio = 0, .open_time = 1s, .open_cap = 1s, .probes = kRounds});
  open_at_start(breaker);
  std::atomic<int> given = 0;
  std::atomic<int> wrong_rounds = 0;
  std::barrier begun(kThreads);
  std::barrier asked(kThreads, [&]() noexcept { wrong_rounds += given.exchange(0) == 1 ? 0 : 1; });
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        for (int round = 0; round < kRounds; ++round) {
          const MonotonicTime now = kStart + (round + 1) * 1s;
          begun.arrive_and_wait();
          Permit permit = breaker.allow(now);
          given += permit.is_given() ? 1 : 0;
          asked.arrive_and_wait();
          if (round % 3 == 0) permit.failure(now);
          if (round % 3 == 1) permit.success(now);
        }
      });
    }
  }
  CHECK(wrong_rounds == 0);
}

TEST_CASE("requests of many threads are all counted in the window") {
  // 4,001 requests are one too few for the ratio to speak; the next failure opens it, if none was lost.
  CircuitBreaker breaker({.failures = 0, .ratio = 0.25, .minimum = 4002, .window = 1h});
  play(breaker, "f");  // starts the window
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&breaker] {
        for (int i = 0; i < 1000; ++i) {
          Permit permit = breaker.allow(kStart);
          if (i % 4 == 0) permit.failure(kStart);
          permit.success(kStart);
        }
      });
    }
  }
  CHECK(breaker.state() == BreakerState::closed);
  play(breaker, "f");
  CHECK(breaker.state() == BreakerState::open);
  CHECK(breaker.times_opened() == 1);
}

TEST_CASE("a restored breaker goes on where the saved one was") {
  CircuitBreaker open(kInRow);
  open_at_start(open);
  CircuitBreaker restored(kInRow);
  restored.restore(open.save());
  CHECK(restored.state() == BreakerState::open);
  CHECK(restored.times_opened() == 1);
  CHECK(restored.time_to_probe(kStart) == 2s);
  CHECK_FALSE(restored.allow(kStart + 1s).is_given());
  CHECK(restored.allow(kStart + 2s).is_given());

  CircuitBreaker failing(kInRow);
  play(failing, "ff");
  CircuitBreaker next(kInRow);
  next.restore(failing.save());
  play(next, "f");
  CHECK(next.state() == BreakerState::open);
}

TEST_CASE("a restored breaker is open no longer than its settings allow") {
  CircuitBreaker breaker(kInRow);
  breaker.restore({.state = BreakerState::open, .changed_at = kStart, .open_for = 1000h});
  CHECK(breaker.time_to_probe(kStart) == kInRow.open_cap);
}
