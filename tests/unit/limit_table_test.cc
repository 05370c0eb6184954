#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "tests/unit/limit_fixture.hh"

using namespace weir;
using namespace weir::limit;

namespace {

uint64_t key_of(const Limiter& limiter, uint64_t number) {
  KeyBuilder builder(limiter);
  builder.add({reinterpret_cast<const char*>(&number), sizeof number});
  return builder.finish();
}

std::unique_ptr<Limiter> make(State& state, Algorithm algorithm, std::string_view rate,
                              std::string name = "rule") {
  return std::move(*Limiter::make({std::move(name), algorithm, *Rate::parse(rate), 0}, state));
}

}  // namespace

TEST_CASE("threads that hammer one key get exactly its limit together") {
  const auto algorithm = GENERATE(Algorithm::token_bucket, Algorithm::leaky_bucket, Algorithm::fixed_window,
                                  Algorithm::sliding_window, Algorithm::sliding_counter);
  State state{Bytes{1 << 16}, Bytes{1 << 20}};
  const auto limiter = make(state, algorithm, "1000/day");
  const uint64_t expected = algorithm == Algorithm::leaky_bucket ? 1001 : 1000;
  std::atomic<uint64_t> allowed = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) allowed += limiter->decide(key_of(*limiter, 1), kStart).allowed ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  INFO(to_string(algorithm));
  CHECK(allowed == expected);
}

TEST_CASE("threads that bring the same new keys make each only once") {
  State state{Bytes{1 << 16}, Bytes{1 << 16}};  // 4096 places
  const auto limiter = make(state, Algorithm::token_bucket, "1/day");
  constexpr uint64_t kKeys = 500;
  std::atomic<uint64_t> allowed = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (uint64_t key = 0; key < kKeys; ++key)
        allowed += limiter->decide(key_of(*limiter, key), kStart).allowed ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(allowed == kKeys);
}

TEST_CASE("a spray of ten million new keys does not free those who are over their limit") {
  State state{Bytes{16 << 20}, Bytes{1 << 16}};
  REQUIRE(state.table.capacity() == 1 << 20);
  const auto limiter = make(state, Algorithm::token_bucket, "3/hour");
  constexpr uint64_t kAbusers = 10'000;
  for (uint64_t key = 0; key < kAbusers; ++key) {
    for (int i = 0; i < 4; ++i) limiter->decide(key_of(*limiter, key), kStart);
  }
  for (uint64_t key = 0; key < 10'000'000; ++key)
    limiter->decide(key_of(*limiter, (uint64_t{1} << 40) + key), kStart);
  uint64_t still_limited = 0;
  for (uint64_t key = 0; key < kAbusers; ++key)
    still_limited += limiter->decide(key_of(*limiter, key), kStart).allowed ? 0 : 1;
  CHECK(still_limited == kAbusers);
  CHECK(state.table.stats().evicted > 8'000'000);
  CHECK(state.table.stats().unrecorded == 0);
}

TEST_CASE("a spray does not free those who are at the edge of their limit either") {
  const auto algorithm = GENERATE(Algorithm::token_bucket, Algorithm::leaky_bucket, Algorithm::fixed_window,
                                  Algorithm::sliding_counter);
  State state{Bytes{1 << 20}, Bytes{1 << 16}};  // 65536 places
  const auto limiter = make(state, algorithm, "100/hour");
  constexpr uint64_t kAbusers = 1000;
  constexpr Time kHour = 3600 * kSecond;
  const auto use_up = [&](uint64_t key, Time now) {
    uint64_t allowed = 0;
    while (limiter->decide(key_of(*limiter, key), now).allowed) ++allowed;
    return allowed;
  };
  // Late enough that each abuser would be let through now and then: half of an hour's share is free again.
  const Time now = kStart / kHour * kHour + 90 * 60 * kSecond;
  for (uint64_t key = 0; key < kAbusers; ++key) use_up(key, now - 30 * 60 * kSecond);
  for (uint64_t key = 0; key < 1'000'000; ++key)
    limiter->decide(key_of(*limiter, (uint64_t{1} << 40) + key), now);
  uint64_t allowed = 0;
  for (uint64_t key = 0; key < kAbusers; ++key) allowed += use_up(key, now);
  INFO(to_string(algorithm));
  CHECK(allowed <= kAbusers * 51);
  CHECK(state.table.stats().unrecorded == 0);
}

TEST_CASE("what limits nothing any more gives way first") {
  State state{Bytes{128}, Bytes{1024}};  // one set of eight
  const auto limiter = make(state, Algorithm::token_bucket, "10/s");
  for (uint64_t key = 0; key < 8; ++key) limiter->decide(key_of(*limiter, key), kStart + key);
  limiter->decide(key_of(*limiter, 100), kStart + kSecond);
  CHECK(state.table.stats().occupied == 8);
  CHECK(state.table.stats().expired == 1);
  CHECK(state.table.stats().evicted == 0);
}

TEST_CASE("the least recently used goes before others that still count") {
  State state{Bytes{128}, Bytes{1024}};
  const auto limiter = make(state, Algorithm::token_bucket, "2/hour");
  for (uint64_t key = 0; key < 8; ++key) limiter->decide(key_of(*limiter, key), kStart + key * kSecond);
  limiter->decide(key_of(*limiter, 100), kStart + 9 * kSecond);
  CHECK(state.table.stats().evicted == 1);
  CHECK(limiter->decide(key_of(*limiter, 7), kStart + 9 * kSecond).remaining == 0);
  CHECK(limiter->decide(key_of(*limiter, 0), kStart + 9 * kSecond).remaining == 1);  // was forgotten
}

TEST_CASE("where a whole set is over its limit a new key passes uncounted, and that is counted") {
  State state{Bytes{128}, Bytes{1024}};
  const auto limiter = make(state, Algorithm::token_bucket, "1/hour");
  for (uint64_t key = 0; key < 8; ++key) limiter->decide(key_of(*limiter, key), kStart);
  CHECK(limiter->decide(key_of(*limiter, 100), kStart).allowed);
  CHECK(state.table.stats().unrecorded == 1);
  CHECK_FALSE(limiter->decide(key_of(*limiter, 0), kStart).allowed);
}

TEST_CASE("state belongs to a rule's name and algorithm, across reloads") {
  State state{Bytes{1 << 16}, Bytes{1 << 16}};
  auto first = make(state, Algorithm::token_bucket, "3/hour");
  const uint64_t key = key_of(*first, 1);
  for (int i = 0; i < 3; ++i) CHECK(first->decide(key, kStart).allowed);
  const auto reloaded = make(state, Algorithm::token_bucket, "3/hour");
  first.reset();
  CHECK(key_of(*reloaded, 1) == key);
  CHECK_FALSE(reloaded->decide(key, kStart).allowed);
  const auto other_name = make(state, Algorithm::token_bucket, "3/hour", "other");
  CHECK(other_name->decide(key_of(*other_name, 1), kStart).allowed);
  const auto other_algorithm = make(state, Algorithm::fixed_window, "3/hour");
  CHECK(other_algorithm->decide(key_of(*other_algorithm, 1), kStart).allowed);
}

TEST_CASE("names are given back, and too many at a time are refused") {
  State state{Bytes{1 << 16}, Bytes{1 << 16}};
  for (int i = 0; i < 1000; ++i)
    REQUIRE(make(state, Algorithm::token_bucket, "1/s", "rule" + std::to_string(i)));
  std::vector<std::unique_ptr<Limiter>> held;
  for (int i = 0; i < 255; ++i)
    held.push_back(make(state, Algorithm::token_bucket, "1/s", "rule" + std::to_string(i)));
  CHECK_FALSE(Limiter::make({"one more", Algorithm::token_bucket, *Rate::parse("1/s"), 0}, state));
}

TEST_CASE("the logs of a sliding window are bounded, and those over their limit are kept") {
  State state{Bytes{4096}, Bytes{1 << 20}};
  const auto limiter = make(state, Algorithm::sliding_window, "3/hour");
  for (uint64_t key = 0; key < 100; ++key) {
    for (int i = 0; i < 4; ++i) limiter->decide(key_of(*limiter, key), kStart);
  }
  for (uint64_t key = 1000; key < 200'000; ++key) limiter->decide(key_of(*limiter, key), kStart);
  CHECK(state.logs.bytes() <= 1 << 20);
  uint64_t still_limited = 0;
  for (uint64_t key = 0; key < 100; ++key)
    still_limited += limiter->decide(key_of(*limiter, key), kStart).allowed ? 0 : 1;
  CHECK(still_limited == 100);
}
