#include <atomic>
#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <thread>
#include <vector>

#include "pkg/base/random.hh"
#include "tests/unit/limit_fixture.hh"

using namespace weir;
using namespace weir::limit;

namespace {

// A hash of its own for each number; the store takes its shard from the lowest bits and its chain from above.
uint64_t hash_of(uint64_t number) {
  return siphash({1, 2}, {reinterpret_cast<const char*>(&number), sizeof number});
}

}  // namespace

TEST_CASE("logs decide as a plain queue does, with costs, refunds and many keys") {
  const auto count = GENERATE(1, 2, 5, 6, 7, 12, 13, 40);
  constexpr uint64_t kSeed = 3;
  INFO("count " << count << " seed " << kSeed);
  LogStore logs(Bytes{4 << 20});
  const Rate rate{static_cast<uint64_t>(count), std::chrono::seconds(10)};
  std::map<uint64_t, std::deque<Time>> expected;
  Random random(kSeed);
  Time now = kStart;
  for (int i = 0; i < 20'000; ++i) {
    now += random.below(kSecond / 4);
    const uint64_t key = random.below(20);
    const auto cost = static_cast<uint32_t>(1 + random.below(3));
    auto& queue = expected[key];
    while (!queue.empty() && queue.front() + 10 * kSecond <= now) queue.pop_front();
    const bool fits = queue.size() + cost <= rate.count;
    const Decision decision = logs.decide(hash_of(key), rate, now, cost);
    REQUIRE(decision.allowed == fits);
    if (fits) queue.insert(queue.end(), cost, now);
    REQUIRE(decision.remaining == rate.count - queue.size());
    if (!fits && cost <= rate.count) {
      const Time frees = queue[queue.size() + cost - rate.count - 1] + 10 * kSecond;
      REQUIRE(static_cast<Time>(decision.retry_after.count()) == frees - now);
    }
    if (fits && random.below(10) == 0) {
      logs.refund(hash_of(key), cost);
      queue.erase(queue.end() - cost, queue.end());
    }
  }
}

TEST_CASE("logs that grow stay within their memory") {
  constexpr Bytes kSize{1 << 20};
  LogStore logs(kSize);
  const Rate rate{1000, std::chrono::hours(1)};
  REQUIRE(LogStore::check(rate, kSize));
  // Many keys first, then each of them uses what it may: 10,000 keys of 11 KiB would be 100 MiB.
  for (uint64_t round = 0; round < 200; ++round) {
    for (uint64_t key = 0; key < 10'000; key += 7) logs.decide(hash_of(key), rate, kStart + round, 1);
    REQUIRE(logs.bytes() <= kSize.count);
  }
  CHECK(logs.evicted() > 0);
}

TEST_CASE("keys over their limit keep their logs when memory is out, and others then pass uncounted") {
  constexpr Bytes kSize{64 << 10};
  LogStore logs(kSize);
  const Rate rate{6, std::chrono::hours(1)};  // two cells a key: some 500 keys fit
  for (uint64_t key = 0; key < 2000; ++key) {
    for (int i = 0; i < 7; ++i) logs.decide(hash_of(key), rate, kStart, 1);
  }
  CHECK(logs.unrecorded() > 0);
  CHECK(logs.bytes() <= kSize.count);
  uint64_t limited = 0;
  for (uint64_t key = 0; key < 2000; ++key)
    limited += logs.decide(hash_of(key), rate, kStart, 1).allowed ? 0 : 1;
  CHECK(limited > 450);
  // An hour later none of them counts, and all the memory is there for others.
  for (uint64_t key = 5000; key < 5200; ++key) {
    for (int i = 0; i < 6; ++i) REQUIRE(logs.decide(hash_of(key), rate, kStart + 3600 * kSecond, 1).allowed);
    REQUIRE_FALSE(logs.decide(hash_of(key), rate, kStart + 3600 * kSecond, 1).allowed);
  }
}

TEST_CASE("a rate whose logs cannot fit is refused, in words that say what would do") {
  CHECK(LogStore::check(*Rate::parse("10000/hour"), Bytes{8 << 20}));
  const auto refused = LogStore::check(*Rate::parse("100000/day"), Bytes{8 << 20});
  REQUIRE_FALSE(refused);
  INFO(refused.error().message);
  CHECK(refused.error().message.find("100000/day need 3") != std::string::npos);
  State state{Bytes{4096}, Bytes{8 << 20}};
  CHECK_FALSE(Limiter::make({"r", Algorithm::sliding_window, *Rate::parse("100000/day"), 0}, state));
  // What it asks for is enough.
  CHECK(LogStore::check(*Rate::parse("100000/day"), Bytes{34'500 * 1024}));
}

TEST_CASE("threads share logs exactly while keys come and go") {
  LogStore logs(Bytes{1 << 20});
  const Rate rate{100, std::chrono::hours(1)};
  std::atomic<uint64_t> allowed = 0;
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < 2000; ++i) {
        allowed += logs.decide(hash_of(i % 10), rate, kStart, 1).allowed ? 1 : 0;
        logs.decide(hash_of(1000 + t * 10'000 + i), rate, kStart, 1);
        logs.refund(hash_of(1000 + t * 10'000 + i), 1);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(allowed == 1000);
}
