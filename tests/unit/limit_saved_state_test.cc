#include <catch2/catch.hpp>

#include "pkg/limit/limiter.hh"

using namespace weir;
using namespace weir::limit;

namespace {

constexpr Time kNow = 1'000'000'000'000;
constexpr Bytes kTable{64 * 1024};
constexpr Bytes kLogs{256 * 1024};

Policy policy(Algorithm algorithm, std::string name = "rule") {
  return {std::move(name), algorithm, Rate{3, std::chrono::hours(1)}, 0};
}

uint64_t key_of(const Limiter& limiter, std::string_view text) {
  KeyBuilder key(limiter);
  key.add(text);
  return key.finish();
}

Decision decide(const Limiter& limiter, std::string_view text) {
  return limiter.decide(key_of(limiter, text), kNow);
}

constexpr Algorithm kAll[] = {Algorithm::token_bucket, Algorithm::leaky_bucket, Algorithm::fixed_window,
                              Algorithm::sliding_window, Algorithm::sliding_counter};

}  // namespace

TEST_CASE("a restored state goes on where the saved one was") {
  for (const Algorithm algorithm : kAll) {
    CAPTURE(to_string(algorithm));
    State state(kTable, kLogs);
    // Another rule first, so that the numbers of names would differ if they were given anew.
    const auto other = *Limiter::make(policy(Algorithm::token_bucket, "other"), state);
    const auto limiter = *Limiter::make(policy(algorithm), state);
    for (int i = 0; i < 4; ++i) decide(*limiter, "greedy");
    decide(*limiter, "modest");
    for (const Bytes size : {kTable, Bytes{kTable.count * 4}}) {
      const auto restored = State::restore(state.save(), size, kLogs);
      REQUIRE(restored);
      const auto again = *Limiter::make(policy(algorithm), **restored);
      CHECK_FALSE(decide(*again, "greedy").allowed);
      CHECK(decide(*again, "modest").remaining + 1 == decide(*again, "new").remaining);
    }
  }
}

TEST_CASE("a state that was restored and saved again is the same") {
  State state(kTable, kLogs);
  const auto buckets = *Limiter::make(policy(Algorithm::token_bucket, "a"), state);
  const auto windows = *Limiter::make(policy(Algorithm::sliding_window, "b"), state);
  for (int i = 0; i < 500; ++i) {
    decide(*buckets, std::to_string(i));
    decide(*windows, std::to_string(i));
  }
  const std::string saved = state.save();
  const auto restored = State::restore(saved, kTable, kLogs);
  REQUIRE(restored);
  CHECK((*restored)->save().size() == saved.size());
  CHECK((*restored)->table.stats().occupied == state.table.stats().occupied);
}

TEST_CASE("a table that is too small forgets what finds no place") {
  State state(kTable, kLogs);
  const auto limiter = *Limiter::make(policy(Algorithm::token_bucket), state);
  for (int i = 0; i < 2000; ++i) decide(*limiter, std::to_string(i));
  const auto restored = State::restore(state.save(), Bytes{4096}, kLogs);
  REQUIRE(restored);
  CHECK((*restored)->table.stats().occupied <= (*restored)->table.capacity());
}

TEST_CASE("what is cut off or is no saved state is refused") {
  State state(Bytes{4096}, Bytes{64 * 1024});
  const auto buckets = *Limiter::make(policy(Algorithm::token_bucket, "a"), state);
  const auto windows = *Limiter::make(policy(Algorithm::sliding_window, "b"), state);
  decide(*buckets, "x");
  decide(*windows, "x");
  const std::string saved = state.save();
  const auto restore = [](std::string_view bytes) {
    return State::restore(bytes, Bytes{4096}, Bytes{64 * 1024});
  };
  REQUIRE(restore(saved));
  for (size_t size = 0; size < saved.size(); ++size) CHECK_FALSE(restore(saved.substr(0, size)));
  CHECK_FALSE(restore(saved + "x"));
}
