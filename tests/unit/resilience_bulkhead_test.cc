#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "pkg/base/random.hh"
#include "pkg/resilience/bulkhead.hh"

using namespace weir;
using namespace weir::resilience;

namespace {

struct TestWaiter final : Waiter {
  void on_granted() override { granted.store(true, std::memory_order_release); }
  std::atomic<bool> granted = false;
};

}  // namespace

TEST_CASE("as many get in as the limit says, and as leave") {
  Bulkhead bulkhead({.inside = 2, .queue = 0});
  Slot first = bulkhead.try_enter();
  {
    const Slot second = bulkhead.try_enter();
    CHECK(first.is_held());
    CHECK(second.is_held());
    CHECK_FALSE(bulkhead.try_enter().is_held());
    CHECK(bulkhead.inside() == 2);
  }
  CHECK(bulkhead.inside() == 1);
  CHECK(bulkhead.try_enter().is_held());
}

TEST_CASE("a slot that is moved is one place still") {
  Bulkhead bulkhead({.inside = 2, .queue = 0});
  Slot first = bulkhead.try_enter();
  Slot second = std::move(first);
  CHECK_FALSE(first.is_held());
  CHECK(second.is_held());
  CHECK(bulkhead.inside() == 1);
  second = bulkhead.try_enter();
  CHECK(bulkhead.inside() == 1);
  second = Slot();
  CHECK(bulkhead.inside() == 0);
}

TEST_CASE("a place that is left goes to who has waited longest") {
  Bulkhead bulkhead({.inside = 1, .queue = 2});
  Slot inside = bulkhead.try_enter();
  TestWaiter first;
  TestWaiter second;
  REQUIRE(bulkhead.enqueue(first));
  REQUIRE(bulkhead.enqueue(second));
  CHECK(bulkhead.queued() == 2);
  inside = Slot();
  CHECK(first.granted);
  CHECK_FALSE(second.granted);
  CHECK(bulkhead.inside() == 1);
  CHECK(bulkhead.queued() == 1);
  inside = bulkhead.leave_queue(first);
  REQUIRE(inside.is_held());
  inside = Slot();
  CHECK(second.granted);
  CHECK(bulkhead.leave_queue(second).is_held());
  CHECK(bulkhead.inside() == 0);
}

TEST_CASE("a full queue takes no more") {
  Bulkhead bulkhead({.inside = 1, .queue = 1});
  const Slot inside = bulkhead.try_enter();
  TestWaiter first;
  TestWaiter second;
  CHECK(bulkhead.enqueue(first));
  CHECK_FALSE(bulkhead.enqueue(second));
  CHECK_FALSE(bulkhead.leave_queue(second).is_held());
  CHECK_FALSE(bulkhead.leave_queue(first).is_held());
  CHECK(bulkhead.enqueue(second));
  CHECK_FALSE(bulkhead.leave_queue(second).is_held());
}

TEST_CASE("who queues while a place is free has it at once") {
  Bulkhead bulkhead({.inside = 1, .queue = 1});
  TestWaiter waiter;
  REQUIRE(bulkhead.enqueue(waiter));
  CHECK(waiter.granted);
  CHECK(bulkhead.queued() == 0);
  CHECK(bulkhead.leave_queue(waiter).is_held());
}

TEST_CASE("nobody overtakes those who wait") {
  Bulkhead bulkhead({.inside = 1, .queue = 1});
  Slot inside = bulkhead.try_enter();
  TestWaiter waiter;
  REQUIRE(bulkhead.enqueue(waiter));
  inside = Slot();
  CHECK_FALSE(bulkhead.try_enter().is_held());
  CHECK(bulkhead.leave_queue(waiter).is_held());
  CHECK(bulkhead.try_enter().is_held());
}

TEST_CASE("whoever gives up waiting leaves the others in order") {
  const size_t leaving = GENERATE(0, 1, 2);
  Bulkhead bulkhead({.inside = 1, .queue = 3});
  Slot inside = bulkhead.try_enter();
  std::array<TestWaiter, 3> waiters;
  for (TestWaiter& waiter : waiters) REQUIRE(bulkhead.enqueue(waiter));
  CHECK_FALSE(bulkhead.leave_queue(waiters[leaving]).is_held());
  CHECK(bulkhead.queued() == 2);
  for (size_t i = 0; i < waiters.size(); ++i) {
    if (i == leaving) continue;
    inside = Slot();
    CHECK(waiters[i].granted);
    inside = bulkhead.leave_queue(waiters[i]);
    CHECK(inside.is_held());
  }
  CHECK_FALSE(waiters[leaving].granted);
  CHECK(bulkhead.queued() == 0);
}

TEST_CASE("a place granted to one who gives up goes to the next") {
  Bulkhead bulkhead({.inside = 1, .queue = 2});
  Slot inside = bulkhead.try_enter();
  TestWaiter late;
  TestWaiter next;
  REQUIRE(bulkhead.enqueue(late));
  REQUIRE(bulkhead.enqueue(next));
  inside = Slot();
  REQUIRE(late.granted);
  CHECK(bulkhead.leave_queue(late).is_held());  // and is dropped here
  CHECK(next.granted);
  CHECK(bulkhead.leave_queue(next).is_held());
  CHECK(bulkhead.inside() == 0);
}

TEST_CASE("to leave the queue twice changes nothing") {
  Bulkhead bulkhead({.inside = 1, .queue = 1});
  TestWaiter waiter;
  REQUIRE(bulkhead.enqueue(waiter));
  const Slot slot = bulkhead.leave_queue(waiter);
  CHECK(slot.is_held());
  CHECK_FALSE(bulkhead.leave_queue(waiter).is_held());
  CHECK(bulkhead.inside() == 1);
}

TEST_CASE("a higher limit lets those in who wait") {
  Bulkhead bulkhead({.inside = 1, .queue = 3});
  const Slot inside = bulkhead.try_enter();
  std::array<TestWaiter, 3> waiters;
  for (TestWaiter& waiter : waiters) REQUIRE(bulkhead.enqueue(waiter));
  bulkhead.set_limits({.inside = 3, .queue = 3});
  CHECK(waiters[0].granted);
  CHECK(waiters[1].granted);
  CHECK_FALSE(waiters[2].granted);
  for (TestWaiter& waiter : waiters) (void)bulkhead.leave_queue(waiter);
}

TEST_CASE("a lower limit sends nobody away, and holds from then on") {
  Bulkhead bulkhead({.inside = 3, .queue = 2});
  std::array<Slot, 3> slots;
  for (Slot& slot : slots) slot = bulkhead.try_enter();
  TestWaiter waiter;
  TestWaiter another;
  REQUIRE(bulkhead.enqueue(waiter));
  bulkhead.set_limits({.inside = 1, .queue = 1});
  CHECK_FALSE(bulkhead.enqueue(another));
  slots[0] = Slot();
  slots[1] = Slot();
  CHECK_FALSE(waiter.granted);
  CHECK(bulkhead.inside() == 1);
  slots[2] = Slot();
  CHECK(waiter.granted);
  CHECK(bulkhead.leave_queue(waiter).is_held());
}

namespace {

// What a bulkhead should do, said as simply as possible.
struct Model {
  size_t most_inside;
  size_t most_queued;
  size_t inside = 0;
  std::deque<TestWaiter*> queue{};
  std::vector<TestWaiter*> granted{};

  void settle() {
    for (; inside < most_inside && !queue.empty(); ++inside) {
      granted.push_back(queue.front());
      queue.pop_front();
    }
  }
};

}  // namespace

TEST_CASE("a bulkhead does what a list and a number do") {
  const uint64_t seed = Random().next();
  INFO("seed = " << seed);
  Random random(seed);
  Bulkhead bulkhead({.inside = 2, .queue = 3});
  Model model{2, 3};
  std::vector<Slot> slots;
  std::vector<std::unique_ptr<TestWaiter>> waiters;
  const auto leave_queue = [&](size_t index) {
    TestWaiter* waiter = waiters[index].get();
    const bool expected = std::erase(model.granted, waiter) != 0;
    std::erase(model.queue, waiter);
    Slot slot = bulkhead.leave_queue(*waiter);
    REQUIRE(slot.is_held() == expected);
    if (expected) slots.push_back(std::move(slot));
    std::swap(waiters[index], waiters.back());
    waiters.pop_back();
  };
  for (int i = 0; i < 20'000; ++i) {
    const uint64_t action = random.below(20);
    if (action < 6) {
      const bool expected = model.queue.empty() && model.inside < model.most_inside;
      Slot slot = bulkhead.try_enter();
      REQUIRE(slot.is_held() == expected);
      model.inside += expected ? 1 : 0;
      if (expected) slots.push_back(std::move(slot));
    } else if (action < 11) {
      auto waiter = std::make_unique<TestWaiter>();
      const bool expected = model.queue.size() < model.most_queued;
      REQUIRE(bulkhead.enqueue(*waiter) == expected);
      if (expected) model.queue.push_back(waiter.get());
      if (expected) waiters.push_back(std::move(waiter));
    } else if (action < 15 && !slots.empty()) {
      std::swap(slots[random.below(slots.size())], slots.back());
      slots.pop_back();
      --model.inside;
    } else if (action < 19 && !waiters.empty()) {
      leave_queue(random.below(waiters.size()));
    } else if (action == 19) {
      model.most_inside = random.below(4);
      model.most_queued = random.below(5);
      bulkhead.set_limits({model.most_inside, model.most_queued});
    }
    model.settle();
    REQUIRE(bulkhead.inside() == model.inside);
    REQUIRE(bulkhead.queued() == model.queue.size());
    for (const auto& waiter : waiters)
      REQUIRE(waiter->granted == (std::ranges::count(model.granted, waiter.get()) != 0));
  }
  while (!waiters.empty()) leave_queue(0);
}

namespace {

struct Crowd {
  Bulkhead& bulkhead;
  uint64_t most_inside;
  std::atomic<uint64_t> inside = 0;
  std::atomic<bool> too_many = false;
  std::atomic<int> entered = 0;
  std::atomic<int> gave_up = 0;

  void visit() {
    if (inside.fetch_add(1) >= most_inside) too_many = true;
    std::this_thread::yield();
    ++entered;
    inside.fetch_sub(1);
  }

  // In by the door, through the queue, or not at all: some are patient to the end, others soon give up.
  void come(Random& random) {
    Slot slot = bulkhead.try_enter();
    if (slot.is_held()) return visit();
    TestWaiter waiter;
    if (!bulkhead.enqueue(waiter)) return;
    const bool patient = random.below(2) == 0;
    for (uint64_t turns = random.below(20); !waiter.granted.load(std::memory_order_acquire); --turns) {
      if (!patient && turns == 0) break;
      std::this_thread::yield();
    }
    slot = bulkhead.leave_queue(waiter);
    if (slot.is_held()) return visit();
    ++gave_up;
  }
};

}  // namespace

TEST_CASE("threads are never more than the limit inside, and none who waits is forgotten") {
  Bulkhead bulkhead({.inside = 2, .queue = 8});
  Crowd crowd{bulkhead, 2};
  {
    std::vector<std::jthread> threads;
    for (uint64_t seed = 0; seed < 6; ++seed) {
      threads.emplace_back([&crowd, seed] {
        Random random(seed);
        for (int i = 0; i < 3000; ++i) crowd.come(random);
      });
    }
  }
  CHECK_FALSE(crowd.too_many);
  CHECK(crowd.entered > 0);
  CHECK(crowd.entered + crowd.gave_up <= 6 * 3000);
  CHECK(bulkhead.inside() == 0);
  CHECK(bulkhead.queued() == 0);
}

TEST_CASE("limits may change while threads come and go") {
  Bulkhead bulkhead({.inside = 1, .queue = 8});
  Crowd crowd{bulkhead, 4};
  {
    std::vector<std::jthread> threads;
    for (uint64_t seed = 0; seed < 5; ++seed) {
      threads.emplace_back([&crowd, seed] {
        Random random(seed);
        for (int i = 0; i < 1500; ++i) crowd.come(random);
      });
    }
    Random random(99);
    for (int i = 0; i < 1500; ++i)
      bulkhead.set_limits({.inside = 1 + random.below(4), .queue = random.below(9)});
  }
  CHECK_FALSE(crowd.too_many);
  CHECK(bulkhead.inside() == 0);
  CHECK(bulkhead.queued() == 0);
}
