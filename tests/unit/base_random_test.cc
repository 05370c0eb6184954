#include <algorithm>
#include <array>
#include <catch2/catch.hpp>

#include "pkg/base/random.hh"

using namespace weir;

TEST_CASE("a seed gives the published sequence of xoshiro256** seeded by splitmix64") {
  Random random(0);
  CHECK(random.next() == 0x99ec5f36cb75f2b4);
  CHECK(random.next() == 0xbf6e1f784956452a);
  CHECK(random.next() == 0x1a5f849d4933e6e0);
  CHECK(random.next() == 0x6aa594f1262d2d2c);
}

TEST_CASE("the same seed gives the same numbers, another seed or none others") {
  Random a(7);
  Random b(7);
  Random c(8);
  for (int i = 0; i < 100; ++i) {
    const uint64_t value = a.next();
    REQUIRE(value == b.next());
    REQUIRE(value != c.next());
  }
  CHECK(Random().next() != Random().next());
}

TEST_CASE("numbers below a bound are below it, and each comes about as often") {
  const uint64_t seed = Random().next();
  INFO("seed = " << seed);
  Random random(seed);
  std::array<int, 6> counts{};
  for (int i = 0; i < 60'000; ++i) ++counts.at(random.below(counts.size()));
  for (const int count : counts) CHECK(count == Approx(10'000).margin(900));  // ten standard deviations
  CHECK(random.below(1) == 0);
  for (int i = 0; i < 100; ++i) REQUIRE(random.below(~uint64_t{0}) < ~uint64_t{0});
}

TEST_CASE("unit is from zero to just below one, evenly") {
  const uint64_t seed = Random().next();
  INFO("seed = " << seed);
  Random random(seed);
  double sum = 0;
  for (int i = 0; i < 10'000; ++i) {
    const double value = random.unit();
    REQUIRE((value >= 0 && value < 1));
    sum += value;
  }
  CHECK(sum / 10'000 == Approx(0.5).margin(0.03));
}

TEST_CASE("the kernel's bytes fill all of a span, of any length") {
  for (const size_t length : {0, 1, 255, 257, 5000}) {
    std::vector<uint8_t> bytes(length);
    fill_secure_random(bytes);
    const auto zeros = std::ranges::count(bytes, 0);
    CHECK(zeros <= static_cast<int64_t>(1 + length / 16));
  }
}
