#include <catch2/catch.hpp>
#include <deque>

#include "pkg/base/random.hh"
#include "tests/unit/limit_fixture.hh"

using namespace weir;
using namespace weir::limit;
using namespace std::chrono_literals;

TEST_CASE("rates are read as people write them") {
  CHECK(*Rate::parse("100/minute") == Rate{100, 1min});
  CHECK(*Rate::parse("10/s") == Rate{10, 1s});
  CHECK(*Rate::parse("1/10s") == Rate{1, 10s});
  CHECK(Rate::parse("5000/hour")->to_string() == "5000/hour");
  CHECK(Rate::parse("3/90s")->to_string() == "3/1m30s");
  for (const char* bad :
       {"", "100", "/minute", "0/s", "-1/s", "1/0s", "1/fortnight", "1/s/s", "1e3/s", "1/400d"}) {
    INFO(bad);
    CHECK_FALSE(Rate::parse(bad));
  }
}

TEST_CASE("a full bucket allows exactly its burst, then its rate") {
  LimitFixture f(Algorithm::token_bucket, "100/minute", 20);
  CHECK(f.count_allowed(kStart, 50) == 20);
  CHECK(f.count_allowed(kStart + kSecond * 6 / 10 - 1, 5) == 0);
  CHECK(f.count_allowed(kStart + kSecond * 6 / 10, 5) == 1);
  CHECK(f.count_allowed(kStart + kSecond * 3600, 50) == 20);
}

TEST_CASE("a bucket's rate does not drift") {
  for (const char* rate : {"100/minute", "3/s", "7/minute", "1000/s"}) {
    LimitFixture f(Algorithm::token_bucket, rate, 1);
    const Rate parsed = *Rate::parse(rate);
    const auto interval = static_cast<Time>(parsed.period.count()) / parsed.count;
    const Time step = interval / 7 + 1;
    uint64_t allowed = 0;
    const uint64_t periods = 200;
    const Time end = kStart + periods * static_cast<Time>(parsed.period.count());
    for (Time now = kStart; now < end; now += step) allowed += f.ask(now).allowed ? 1 : 0;
    INFO(rate);
    CHECK(allowed <= parsed.count * periods);
    // A request may come up to a step after its token.
    CHECK(allowed >= parsed.count * periods * 7 / 9);
  }
  LimitFixture exact(Algorithm::token_bucket, "100/minute", 1);
  int allowed = 0;
  for (int i = 0; i < 60'000; ++i)
    allowed += exact.ask(kStart + static_cast<Time>(i) * kSecond / 10).allowed ? 1 : 0;
  CHECK(allowed == 10'000);
}

TEST_CASE("a decision tells what remains and when to come back") {
  LimitFixture f(Algorithm::token_bucket, "10/s", 5);
  const Decision first = f.ask(kStart);
  CHECK(first.limit == 5);
  CHECK(first.remaining == 4);
  CHECK(first.reset == 100ms);
  f.count_allowed(kStart, 4);
  const Decision refused = f.ask(kStart);
  CHECK_FALSE(refused.allowed);
  CHECK(refused.remaining == 0);
  CHECK(refused.retry_after == 100ms);
  CHECK_FALSE(f.ask(kStart + kSecond / 10 - 1).allowed);
  CHECK(f.ask(kStart + kSecond / 10).allowed);
}

TEST_CASE("retry_after is the first moment at which a request passes") {
  const auto algorithm = GENERATE(Algorithm::token_bucket, Algorithm::leaky_bucket, Algorithm::fixed_window,
                                  Algorithm::sliding_window, Algorithm::sliding_counter);
  LimitFixture f(algorithm, "7/10s");
  Random random(42);
  Time now = kStart;
  for (int i = 0; i < 3000; ++i) {
    now += random.below(3 * kSecond);
    const Decision decision = f.ask(now);
    if (decision.allowed) continue;
    const auto wait = static_cast<Time>(decision.retry_after.count());
    INFO("step " << i << ", algorithm " << to_string(algorithm));
    REQUIRE(wait > 0);
    REQUIRE_FALSE(f.ask(now + wait - 2).allowed);
    REQUIRE(f.ask(now + wait).allowed);
    now += wait;
  }
}

TEST_CASE("a leaky bucket lets requests go on at its rate and rejects beyond its queue") {
  LimitFixture f(Algorithm::leaky_bucket, "10/s", 3);
  std::vector<Duration> delays;
  for (int i = 0; i < 6; ++i) {
    const Decision decision = f.ask(kStart);
    if (decision.allowed) delays.push_back(decision.delay);
  }
  CHECK(delays == std::vector<Duration>{0ms, 100ms, 200ms, 300ms});
}

TEST_CASE("a fixed window starts afresh at its edge") {
  LimitFixture f(Algorithm::fixed_window, "5/10s");
  CHECK(f.count_allowed(kStart + 9 * kSecond, 10) == 5);
  CHECK(f.count_allowed(kStart + 10 * kSecond, 10) == 5);
  CHECK(f.ask(kStart + 12 * kSecond).reset == 8s);
}

TEST_CASE("a sliding window never lets more than its count into any period") {
  LimitFixture f(Algorithm::sliding_window, "20/10s");
  Random random(7);
  std::deque<Time> allowed;
  Time now = kStart;
  for (int i = 0; i < 20'000; ++i) {
    now += random.below(kSecond);
    while (!allowed.empty() && allowed.front() + 10 * kSecond <= now) allowed.pop_front();
    const bool expected = allowed.size() < 20;
    const Decision decision = f.ask(now);
    REQUIRE(decision.allowed == expected);
    if (decision.allowed) allowed.push_back(now);
    REQUIRE(decision.remaining == 20 - allowed.size());
  }
}

TEST_CASE("a cost counts as so many requests") {
  const auto algorithm = GENERATE(Algorithm::token_bucket, Algorithm::fixed_window, Algorithm::sliding_window,
                                  Algorithm::sliding_counter);
  LimitFixture f(algorithm, "10/10s");
  INFO(to_string(algorithm));
  CHECK(f.ask(kStart, 7).allowed);
  CHECK_FALSE(f.ask(kStart, 4).allowed);
  CHECK(f.ask(kStart, 3).allowed);
  CHECK_FALSE(f.ask(kStart, 1).allowed);
  CHECK_FALSE(f.ask(kStart + 1000 * kSecond, 11).allowed);
}

TEST_CASE("a refund gives back what was taken") {
  const auto algorithm = GENERATE(Algorithm::token_bucket, Algorithm::fixed_window, Algorithm::sliding_window,
                                  Algorithm::sliding_counter, Algorithm::leaky_bucket);
  LimitFixture f(algorithm, "5/10s");
  KeyBuilder builder(*f.limiter);
  builder.add("key");
  const uint64_t key = builder.finish();
  for (int i = 0; i < 100; ++i) {
    REQUIRE(f.limiter->decide(key, kStart).allowed);
    f.limiter->refund(key, kStart);
  }
}

TEST_CASE("a cost beyond the limit never passes, however large, and takes nothing") {
  const auto algorithm = GENERATE(Algorithm::token_bucket, Algorithm::leaky_bucket, Algorithm::fixed_window,
                                  Algorithm::sliding_window, Algorithm::sliding_counter);
  const auto cost = GENERATE(uint32_t{12}, uint32_t{1} << 31, UINT32_MAX);
  LimitFixture f(algorithm, "10/day");
  INFO(to_string(algorithm) << " " << cost);
  f.ask(kStart);
  const Decision decision = f.ask(kStart, cost);
  CHECK_FALSE(decision.allowed);
  CHECK(decision.retry_after > 0s);
  CHECK(f.count_allowed(kStart, 20) == (algorithm == Algorithm::leaky_bucket ? 10 : 9));
}

TEST_CASE("a request that a second rule rejects is not counted by the first") {
  const auto algorithm = GENERATE(Algorithm::token_bucket, Algorithm::leaky_bucket, Algorithm::fixed_window,
                                  Algorithm::sliding_window, Algorithm::sliding_counter);
  LimitFixture f(algorithm, "5/minute");
  const auto second = f.make(Algorithm::fixed_window, "2/minute", 0, "second");
  const uint64_t key = f.hash("key");
  uint64_t allowed = 0;
  for (int i = 0; i < 100; ++i) {
    if (!f.limiter->decide(key, kStart).allowed) continue;
    if (second->decide(7 << 20, kStart).allowed) {
      ++allowed;
    } else {
      f.limiter->refund(key, kStart);
    }
  }
  INFO(to_string(algorithm));
  CHECK(allowed == 2);
  CHECK(f.count_allowed(kStart, 10) == (algorithm == Algorithm::leaky_bucket ? 4 : 3));
}

TEST_CASE("a policy that an algorithm cannot count is refused in words") {
  State state{Bytes{4096}, Bytes{4096}};
  CHECK_FALSE(Limiter::make({"r", Algorithm::sliding_counter, *Rate::parse("2000000/s"), 0}, state));
  CHECK_FALSE(Limiter::make({"r", Algorithm::sliding_window, *Rate::parse("1000000/s"), 0}, state));
  CHECK_FALSE(Limiter::make({"r", Algorithm::token_bucket, *Rate::parse("1/day"), 1'000'000}, state));
}
