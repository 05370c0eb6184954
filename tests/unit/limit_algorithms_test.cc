#include <catch2/catch.hpp>
#include <deque>

#include "pkg/base/random.hh"
#include "pkg/limit/limiter.hh"

using namespace weir;
using namespace weir::limit;
using namespace std::chrono_literals;

namespace {

constexpr Time kSecond = 1'000'000'000;
constexpr Time kStart = 1'000'000 * kSecond;  // a whole number of every window below

struct Fixture {
  State state{Bytes{1 << 20}, Bytes{1 << 20}};
  std::unique_ptr<Limiter> limiter;

  Fixture(Algorithm algorithm, std::string_view rate, uint64_t burst = 0) {
    limiter = std::move(*Limiter::make({"rule", algorithm, *Rate::parse(rate), burst}, state));
  }
  Decision ask(Time now, uint32_t cost = 1, std::string_view key = "key") {
    KeyBuilder builder(*limiter);
    builder.add(key);
    return limiter->decide(builder.finish(), now, cost);
  }
  int count_allowed(Time now, int requests) {
    int allowed = 0;
    for (int i = 0; i < requests; ++i) allowed += ask(now).allowed ? 1 : 0;
    return allowed;
  }
};

}  // namespace

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
  Fixture f(Algorithm::token_bucket, "100/minute", 20);
  CHECK(f.count_allowed(kStart, 50) == 20);
  CHECK(f.count_allowed(kStart + kSecond * 6 / 10 - 1, 5) == 0);
  CHECK(f.count_allowed(kStart + kSecond * 6 / 10, 5) == 1);
  CHECK(f.count_allowed(kStart + kSecond * 3600, 50) == 20);
}

TEST_CASE("a bucket's rate does not drift") {
  for (const char* rate : {"100/minute", "3/s", "7/minute", "1000/s"}) {
    Fixture f(Algorithm::token_bucket, rate, 1);
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
  Fixture exact(Algorithm::token_bucket, "100/minute", 1);
  int allowed = 0;
  for (int i = 0; i < 60'000; ++i)
    allowed += exact.ask(kStart + static_cast<Time>(i) * kSecond / 10).allowed ? 1 : 0;
  CHECK(allowed == 10'000);
}

TEST_CASE("a decision tells what remains and when to come back") {
  Fixture f(Algorithm::token_bucket, "10/s", 5);
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
  Fixture f(algorithm, "7/10s");
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
  Fixture f(Algorithm::leaky_bucket, "10/s", 3);
  std::vector<Duration> delays;
  for (int i = 0; i < 6; ++i) {
    const Decision decision = f.ask(kStart);
    if (decision.allowed) delays.push_back(decision.delay);
  }
  CHECK(delays == std::vector<Duration>{0ms, 100ms, 200ms, 300ms});
}

TEST_CASE("a fixed window starts afresh at its edge") {
  Fixture f(Algorithm::fixed_window, "5/10s");
  CHECK(f.count_allowed(kStart + 9 * kSecond, 10) == 5);
  CHECK(f.count_allowed(kStart + 10 * kSecond, 10) == 5);
  CHECK(f.ask(kStart + 12 * kSecond).reset == 8s);
}

TEST_CASE("a sliding window never lets more than its count into any period") {
  Fixture f(Algorithm::sliding_window, "20/10s");
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
  Fixture f(algorithm, "10/10s");
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
  Fixture f(algorithm, "5/10s");
  KeyBuilder builder(*f.limiter);
  builder.add("key");
  const uint64_t key = builder.finish();
  for (int i = 0; i < 100; ++i) {
    REQUIRE(f.limiter->decide(key, kStart).allowed);
    f.limiter->refund(key, kStart);
  }
}

TEST_CASE("a clock that goes back a little between threads grants nothing twice") {
  const auto algorithm = GENERATE(Algorithm::token_bucket, Algorithm::sliding_window);
  Fixture f(algorithm, "5/hour");
  int allowed = 0;
  for (int i = 0; i < 50; ++i) allowed += f.ask(kStart + (i % 2 == 0 ? kSecond : 0)).allowed ? 1 : 0;
  CHECK(allowed == 5);
}

TEST_CASE("a policy that an algorithm cannot count is refused in words") {
  State state{Bytes{4096}, Bytes{4096}};
  CHECK_FALSE(Limiter::make({"r", Algorithm::sliding_counter, *Rate::parse("2000000/s"), 0}, state));
  CHECK_FALSE(Limiter::make({"r", Algorithm::sliding_window, *Rate::parse("1000000/s"), 0}, state));
  CHECK_FALSE(Limiter::make({"r", Algorithm::token_bucket, *Rate::parse("1/day"), 1'000'000}, state));
}

// The error of the sliding counter against the exact log, on four kinds of traffic. The numbers of the worst
// kind stand in pkg/limit/README.md.
TEST_CASE("the sliding counter's error against an exact log stays small") {
  const auto kind = GENERATE(as<std::string>(), "steady", "bursts", "edges", "zipf");
  Fixture counter(Algorithm::sliding_counter, "100/minute");
  Fixture log(Algorithm::sliding_window, "100/minute");
  Random random(11);
  uint64_t requests = 0, false_allow = 0, false_deny = 0;
  Time now = kStart;
  for (int i = 0; i < 200'000; ++i) {
    std::string key = "k";
    if (kind == "steady") {
      now += random.below(kSecond);
    } else if (kind == "bursts") {
      now += random.below(100) == 0 ? random.below(120 * kSecond) : random.below(kSecond / 10);
    } else if (kind == "edges") {
      now += i % 150 == 0 ? 60 * kSecond - now % (60 * kSecond) + 55 * kSecond : kSecond / 15;
    } else {
      now += random.below(kSecond / 50);
      key += std::to_string(static_cast<int>(1 / (random.unit() + 0.001)));
    }
    const bool exact = log.ask(now, 1, key).allowed;
    const bool estimated = counter.ask(now, 1, key).allowed;
    ++requests;
    false_allow += estimated && !exact ? 1 : 0;
    false_deny += !estimated && exact ? 1 : 0;
  }
  const double wrong_allow = 100.0 * static_cast<double>(false_allow) / static_cast<double>(requests);
  const double wrong_deny = 100.0 * static_cast<double>(false_deny) / static_cast<double>(requests);
  WARN(kind << ": " << wrong_allow << "% wrongly allowed, " << wrong_deny << "% wrongly denied");
  CHECK(wrong_allow < 20.0);
  CHECK(wrong_deny < 20.0);
}
