#include <catch2/catch.hpp>
#include <memory>
#include <thread>
#include <vector>

#include "pkg/aio/scope.hh"
#include "tests/unit/aio_run.hh"

using namespace weir;
using namespace weir::aio;
using namespace std::chrono_literals;

namespace {

Task<int> add(int a, int b) {
  co_return a + b;
}

Task<std::unique_ptr<int>> make_owned(int value) {
  co_return std::make_unique<int>(value);
}

Task<> wait_for_ever(Loop& loop, Errc& ended_with, Deadline deadline) {
  Event never;
  const auto result = co_await never.wait(deadline);
  ended_with = result ? Errc::internal : result.error().code;
  (void)loop;
}

Task<> sleep_for(Loop& loop, Duration duration, std::vector<int>& order, int number) {
  const auto slept = co_await sleep_until(loop.in(duration));
  if (slept) order.push_back(number);
}

}  // namespace

TEST_CASE("a task gives its value to who awaits it") {
  run([](Loop&) -> Task<> {
    const int sum = co_await add(2, 3);
    CHECK(sum == 5);
    const auto owned = co_await make_owned(7);
    CHECK(*owned == 7);
  });
}

TEST_CASE("a million awaits that never suspend don't use up the stack") {
  run([](Loop&) -> Task<> {
    int64_t sum = 0;
    for (int i = 0; i < 1'000'000; ++i) {
      const int one = co_await add(0, 1);
      sum += one;
      if (i % 64 == 0) co_await yield();
    }
    CHECK(sum == 1'000'000);
  });
}

TEST_CASE("sleepers wake in the order of their deadlines") {
  run([](Loop& loop) -> Task<> {
    std::vector<int> order;
    Scope scope(loop);
    scope.spawn(sleep_for(loop, 30ms, order, 3));
    scope.spawn(sleep_for(loop, 10ms, order, 1));
    scope.spawn(sleep_for(loop, 20ms, order, 2));
    co_await scope.join();
    CHECK(order == std::vector<int>{1, 2, 3});
  });
}

TEST_CASE("a wait ends at its deadline") {
  run([](Loop& loop) -> Task<> {
    Errc ended_with{};
    co_await wait_for_ever(loop, ended_with, loop.in(5ms));
    CHECK(ended_with == Errc::timed_out);
  });
}

TEST_CASE("closing a scope cancels its tasks and those of the scopes within") {
  run([](Loop& loop) -> Task<> {
    Errc inner{};
    Scope outer(loop);
    const auto nested = [](Loop& on, Errc& result) -> Task<> {
      Scope scope(on);
      scope.spawn(wait_for_ever(on, result, Deadline::never()));
      co_await scope.join();
    };
    outer.spawn(nested(loop, inner));
    co_await yield();
    CHECK(outer.size() == 1);
    co_await outer.close();
    CHECK(inner == Errc::cancelled);
  });
}

TEST_CASE("a cancelled task sees it at every further wait") {
  run([](Loop& loop) -> Task<> {
    int refused = 0;
    Scope scope(loop);
    const auto stubborn = [](Loop& on, int& count) -> Task<> {
      for (int i = 0; i < 3; ++i) {
        const auto slept = co_await sleep_until(on.in(1h));
        if (!slept) ++count;
      }
    };
    scope.spawn(stubborn(loop, refused));
    co_await scope.close();
    CHECK(refused == 3);
  });
}

TEST_CASE("what is posted from other threads runs in order on the loop") {
  Loop loop;
  std::vector<int> got[2];
  int left = 2000;
  std::thread threads[2];
  for (int t = 0; t < 2; ++t) {
    threads[t] = std::thread([&, t] {
      for (int i = 0; i < 1000; ++i) {
        loop.post([&, t, i] {
          got[t].push_back(i);
          if (--left == 0) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (auto& thread : threads) thread.join();
  for (const auto& sequence : got) {
    REQUIRE(sequence.size() == 1000);
    CHECK(std::ranges::is_sorted(sequence));
  }
}
