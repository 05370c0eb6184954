// A rule that changes keeps what it knows of its keys, and must not misread it.

#include <catch2/catch.hpp>

#include "tests/unit/limit_fixture.hh"

using namespace weir;
using namespace weir::limit;
using namespace std::chrono_literals;

TEST_CASE("a lowered limit counts what came under the higher one, and never says that a huge quota remains") {
  const auto algorithm =
      GENERATE(Algorithm::fixed_window, Algorithm::sliding_window, Algorithm::sliding_counter);
  LimitFixture f(algorithm, "100/minute");
  f.count_allowed(kStart, 80);
  f.reload(algorithm, "50/minute");
  const Decision decision = f.ask(kStart + kSecond);
  INFO(to_string(algorithm));
  CHECK_FALSE(decision.allowed);
  CHECK(decision.remaining == 0);
  CHECK(decision.retry_after > 0s);
  CHECK(decision.retry_after <= 2min);
  CHECK(f.ask(kStart + kSecond + static_cast<Time>(decision.retry_after.count())).allowed);
}

TEST_CASE("a bucket of another size is as full as the old one was") {
  LimitFixture f(Algorithm::token_bucket, "100/minute");
  f.count_allowed(kStart, 80);
  f.reload(Algorithm::token_bucket, "50/minute");
  CHECK(f.ask(kStart, 0).remaining == 10);
  f.reload(Algorithm::token_bucket, "1000/minute");
  CHECK(f.ask(kStart, 0).remaining == 200);
}

TEST_CASE("a raised limit leaves a key what it has used and gives it the rest") {
  const auto algorithm =
      GENERATE(Algorithm::fixed_window, Algorithm::sliding_window, Algorithm::sliding_counter);
  LimitFixture f(algorithm, "10/minute");
  CHECK(f.count_allowed(kStart, 20) == 10);
  f.reload(algorithm, "25/minute");
  CHECK(f.count_allowed(kStart, 50) == 15);
}

TEST_CASE("a more generous bucket does not make a key wait for what the old one would have taken to fill") {
  const auto algorithm = GENERATE(Algorithm::token_bucket, Algorithm::leaky_bucket);
  LimitFixture f(algorithm, "10/day");
  f.count_allowed(kStart, 20);
  f.reload(algorithm, "60/minute");
  const Decision decision = f.ask(kStart + kSecond);
  INFO(to_string(algorithm));
  CHECK_FALSE(decision.allowed);
  CHECK(decision.retry_after <= 1s);
  CHECK(f.ask(kStart + 2 * kSecond).allowed);
}

TEST_CASE("windows of another length start afresh") {
  const auto algorithm = GENERATE(Algorithm::fixed_window, Algorithm::sliding_counter);
  LimitFixture f(algorithm, "5/10s");
  CHECK(f.count_allowed(kStart, 9) == 5);
  f.reload(algorithm, "5/11s");
  CHECK(f.count_allowed(kStart, 9) == 5);
}

TEST_CASE("what a rule leaves behind does not take the places of others when its number is used again") {
  LimitFixture f(Algorithm::sliding_counter, "1/second", 0, Bytes{128});  // one set of eight
  const auto witness = f.make(Algorithm::token_bucket, "10/hour", 0, "witness");
  for (char key = 'a'; key < 'i'; ++key) f.ask(kStart, 1, std::string(1, key));
  CHECK(f.state.table.stats().occupied == 8);
  f.limiter.reset();
  std::vector<std::unique_ptr<Limiter>> others;
  for (int i = 0; i < 254; ++i)
    others.push_back(f.make(Algorithm::token_bucket, "1/hour", 0, "other" + std::to_string(i)));
  CHECK(f.state.table.stats().occupied == 0);
  for (uint64_t key = 1; key <= 8; ++key) {
    CHECK(witness->decide(key << 32, kStart + 3600 * kSecond).remaining == 9);
    CHECK(witness->decide(key << 32, kStart + 3600 * kSecond).remaining == 8);
  }
  CHECK(f.state.table.stats().unrecorded == 0);
  CHECK(f.state.table.stats().evicted == 0);
}

TEST_CASE("a reload that fails leaves entries to be read as before") {
  LimitFixture f(Algorithm::token_bucket, "1/hour", 0, Bytes{128});
  for (char key = 'a'; key < 'i'; ++key) f.ask(kStart, 1, std::string(1, key));
  f.make(Algorithm::token_bucket, "1000/s");  // made for a config that was then refused
  // All eight are over their limit under the rule in force: none may be pushed out.
  CHECK(f.ask(kStart + 60 * kSecond, 1, "new").allowed);
  CHECK(f.state.table.stats().unrecorded == 1);
  for (char key = 'a'; key < 'i'; ++key)
    CHECK_FALSE(f.ask(kStart + 60 * kSecond, 1, std::string(1, key)).allowed);
}

TEST_CASE("a rule that comes back finds what it knew") {
  LimitFixture f(Algorithm::token_bucket, "2/hour");
  CHECK(f.count_allowed(kStart, 5) == 2);
  f.limiter.reset();
  f.limiter = f.make(Algorithm::token_bucket, "2/hour");
  CHECK(f.count_allowed(kStart, 5) == 0);
}
