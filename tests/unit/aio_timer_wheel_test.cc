#include "pkg/aio/timer_wheel.hh"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <vector>

#include "pkg/base/random.hh"

using namespace weir;
using namespace weir::aio;

namespace {

struct Alarm final : Timer {
  std::vector<uint64_t>* fired = nullptr;
  uint64_t due = 0;
  void on_timer() override { fired->push_back(due); }
};

struct Rearming final : Timer {
  TimerWheel* wheel = nullptr;
  uint64_t next = 0;
  int count = 0;
  void on_timer() override {
    ++count;
    next += 100;
    wheel->arm(*this, next);
  }
};

}  // namespace

TEST_CASE("the wheel fires what a sorted list would, at every distance") {
  const uint64_t seed = Random().next();
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 20; ++round) {
    uint64_t now = random.below(uint64_t{1} << 40);
    TimerWheel wheel(now);
    std::vector<uint64_t> fired;
    std::vector<uint64_t> expected;
    std::vector<std::unique_ptr<Alarm>> armed;
    for (int step = 0; step < 1000; ++step) {
      const unsigned bits = static_cast<unsigned>(random.below(30));
      if (random.below(3) > 0) {
        auto alarm = std::make_unique<Alarm>();
        alarm->fired = &fired;
        alarm->due = std::max(now + 1, now + random.below(uint64_t{1} << bits));
        wheel.arm(*alarm, alarm->due);
        armed.push_back(std::move(alarm));
      } else if (!armed.empty() && random.below(2) == 0) {
        const size_t victim = random.below(armed.size());
        wheel.disarm(*armed[victim]);
        armed.erase(armed.begin() + static_cast<std::ptrdiff_t>(victim));
      } else {
        now += random.below(uint64_t{1} << (bits / 2));
        for (const auto& alarm : armed) {
          if (alarm->due <= now) expected.push_back(alarm->due);
        }
        wheel.advance(now);
        std::erase_if(armed, [](const auto& alarm) { return !alarm->is_armed(); });
        std::ranges::sort(expected);
        REQUIRE(fired == expected);
        fired.clear();
        expected.clear();
      }
      uint64_t earliest = TimerWheel::kNoTick;
      for (const auto& alarm : armed) earliest = std::min(earliest, alarm->due);
      REQUIRE(wheel.next_tick() <= earliest);
    }
    for (const auto& alarm : armed) wheel.disarm(*alarm);
  }
}

TEST_CASE("a timer may arm itself again while it fires") {
  TimerWheel wheel(0);
  Rearming timer;
  timer.wheel = &wheel;
  timer.next = 100;
  wheel.arm(timer, 100);
  wheel.advance(100'000);
  CHECK(timer.count == 1000);
  wheel.disarm(timer);
  CHECK(wheel.next_tick() >= 100'000);
}
