// Coroutines that wait on their loop for records to be durable.
#include <catch2/catch.hpp>

#include <latch>

#include "pkg/journal/durability.hh"
#include "tests/unit/aio_run.hh"
#include "tests/unit/journal_disk.hh"
#include "tests/unit/journal_fixture.hh"

using namespace weir;
using namespace weir::journal;

namespace {

// A journal whose first commit does not end before the test says so.
struct Held {
  explicit Held(aio::Loop& on) : loop(on) {
    Options options;
    durability.attach(options, [this](const Error&) { ++failures; });
    options.mark_after = std::chrono::hours(1);
    journal = std::move(*Journal::open(options, replayed.replay(), disk.open()));
    durability.bind(loop);
    disk.set_before_sync([this] { gate.wait(); });
  }
  ~Held() { journal.reset(); }

  aio::Loop& loop;
  std::latch gate{1};
  SimulatedDisk disk;
  Replayed replayed;
  Durability durability;
  int failures = 0;
  std::unique_ptr<Journal> journal;
};

aio::Task<> wait_for(Held& held, Sequence sequence, std::vector<Sequence>& order) {
  auto done = co_await held.durability.reached(sequence);
  if (done && held.journal->durable() >= sequence) order.push_back(sequence);
}

}  // namespace

TEST_CASE("all who wait for a commit go on after it, in the order of their records") {
  run([](aio::Loop& loop) -> aio::Task<> {
    Held held(loop);
    aio::Scope scope(loop);
    std::vector<Sequence> order;
    for (int i = 0; i < 100; ++i) REQUIRE(held.journal->append("record"));
    for (const Sequence sequence : {50, 1, 100, 99, 2, 50}) scope.spawn(wait_for(held, sequence, order));
    CHECK(order.empty());
    held.gate.count_down();
    co_await scope.join();
    CHECK(order == std::vector<Sequence>{1, 2, 50, 50, 99, 100});
    auto at_once = co_await held.durability.reached(7);
    CHECK(at_once);
  });
}

TEST_CASE("a wait for durability ends at its deadline, and when it is cancelled") {
  run([](aio::Loop& loop) -> aio::Task<> {
    Held held(loop);
    aio::Scope scope(loop);
    std::vector<Sequence> order;
    REQUIRE(held.journal->append("record"));
    auto late = co_await held.durability.reached(1, loop.in(std::chrono::milliseconds(1)));
    CHECK(late.error().code == Errc::timed_out);
    scope.spawn(wait_for(held, 1, order));
    co_await scope.close();
    CHECK(order.empty());
    held.gate.count_down();
    auto done = co_await held.durability.reached(1);
    CHECK(done);
  });
}

TEST_CASE("a failure is an error to all who wait, and to all who come later") {
  run([](aio::Loop& loop) -> aio::Task<> {
    Held held(loop);
    held.disk.set_fault(
        [](SimulatedDisk::Call call, uint64_t) { return call == SimulatedDisk::Call::sync ? EIO : 0; });
    REQUIRE(held.journal->append("record"));
    held.gate.count_down();
    auto waited = co_await held.durability.reached(1);
    CHECK(waited.error().message.find("Input/output error") != std::string::npos);
    auto later = co_await held.durability.reached(1);
    CHECK_FALSE(later);
    CHECK(held.failures == 1);
  });
}

TEST_CASE("what was recovered is durable without a commit") {
  run([](aio::Loop& loop) -> aio::Task<> {
    const Folder folder;
    Replayed replayed;
    REQUIRE(open_journal(folder.options(), replayed)->append("record"));
    Durability durability;
    Options options = folder.options();
    durability.attach(options, nullptr);
    const auto journal = open_journal(options, replayed);
    durability.bind(loop);
    auto done = co_await durability.reached(1);
    CHECK(done);
  });
}

TEST_CASE("what the journal has posted last harms nobody when all have gone") {
  const Folder folder;
  aio::Loop loop;
  {
    Options options = folder.options();
    Replayed replayed;
    Durability durability;
    durability.attach(options, nullptr);
    const auto journal = open_journal(options, replayed);
    durability.bind(loop);
    REQUIRE(journal->append("record"));
    REQUIRE(journal->close());
  }
  loop.post([&loop] { loop.stop(); });
  loop.run();
}
