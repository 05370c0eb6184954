// A disk that fails: the journal says so once, tries nothing again, and acknowledges nothing any more.
#include <catch2/catch.hpp>

#include <atomic>
#include <latch>

#include "tests/unit/journal_disk.hh"
#include "tests/unit/journal_fixture.hh"

using namespace weir;
using namespace weir::journal;
using Call = SimulatedDisk::Call;

namespace {

SimulatedDisk::Fault fail_once(Call which, uint64_t number, int error) {
  return [=](Call call, uint64_t nth) { return call == which && nth == number ? error : 0; };
}

struct Failing {
  SimulatedDisk disk;
  std::mutex mutex;
  std::vector<std::string> reports;
  Replayed replayed;

  size_t report_count() {
    const std::lock_guard lock(mutex);
    return reports.size();
  }
  Result<std::unique_ptr<Journal>> open(uint64_t segment_size = 4096) {
    Options options;
    options.directory = "simulated";
    options.segment_size = Bytes{segment_size};
    options.mark_after = std::chrono::hours(1);
    options.on_failure = [this](const Error& error) {
      const std::lock_guard lock(mutex);
      reports.push_back(error.message);
    };
    return Journal::open(options, replayed.replay(), disk.open());
  }
  void wait_for_report() {
    while (report_count() == 0) std::this_thread::yield();
  }
};

}  // namespace

TEST_CASE("an fdatasync that fails is the end, and is not tried again") {
  Failing failing;
  auto journal = std::move(*failing.open());
  wait_until_durable(*journal, *journal->append("one"));
  failing.disk.set_fault(fail_once(Call::sync, 1, EIO));
  REQUIRE(journal->append("two"));
  failing.wait_for_report();
  const uint64_t calls = failing.disk.calls();
  CHECK(journal->append("three").error().code == Errc::unavailable);
  CHECK(journal->write_snapshot(1, "state").error().code == Errc::unavailable);
  CHECK_FALSE(journal->close());
  CHECK(journal->durable() == 1);
  CHECK(failing.disk.calls() == calls);
  REQUIRE(failing.reports.size() == 1);
  CHECK(failing.reports[0] ==
        "journal simulated: fdatasync segment-00000000000000000001: Input/output error");
}

TEST_CASE("a full disk is the end, with its name") {
  for (const Call call : {Call::write, Call::allocate, Call::create, Call::rename, Call::sync_names}) {
    Failing failing;
    auto journal = std::move(*failing.open(200));
    failing.disk.set_fault(fail_once(call, 1, ENOSPC));
    // The second of these needs a segment of its own.
    while (failing.report_count() == 0) {
      if (journal->pending().count == 0) (void)journal->append(std::string(150, 'x'));
    }
    CHECK_FALSE(journal->close());
    REQUIRE(failing.reports.size() == 1);
    CHECK(failing.reports[0].find("No space left on device") != std::string::npos);
  }
}

TEST_CASE("a disk without room for a segment is an error when the journal is opened") {
  Failing failing;
  failing.disk.set_fault(fail_once(Call::allocate, 1, ENOSPC));
  const auto journal = failing.open();
  REQUIRE_FALSE(journal);
  CHECK(journal.error().message.find("allocate segment-00000000000000000001.tmp: No space left on device") !=
        std::string::npos);
}

TEST_CASE("a snapshot that cannot be written is the end as well") {
  Failing failing;
  auto journal = std::move(*failing.open());
  wait_until_durable(*journal, *journal->append("one"));
  failing.disk.set_fault(fail_once(Call::write, 1, ENOSPC));
  REQUIRE(journal->write_snapshot(1, "state"));
  failing.wait_for_report();
  CHECK(journal->snapshot() == 0);
  CHECK(journal->append("two").error().code == Errc::unavailable);
}

TEST_CASE("whichever call fails, all that was acknowledged is found by the next life") {
  bool has_reached_the_end = false;
  for (uint64_t failing_call = 1; !has_reached_the_end; ++failing_call) {
    for (const bool power_is_lost : {false, true}) {
      INFO("call " << failing_call << (power_is_lost ? ", then a power cut" : ""));
      Failing failing;
      uint64_t calls = 0;
      failing.disk.set_fault([&](Call, uint64_t) { return ++calls == failing_call ? EIO : 0; });
      Sequence durable = 0;
      if (auto journal = failing.open(300)) {
        for (int i = 1; i <= 12; ++i) {
          const auto sequence = (*journal)->append(std::to_string(i) + std::string(100, 'x'));
          if (!sequence) break;
          while ((*journal)->durable() < *sequence && failing.report_count() == 0) std::this_thread::yield();
          if (i % 4 == 0 && (*journal)->write_snapshot(*sequence, "state")) {
            while ((*journal)->snapshot() < *sequence && failing.report_count() == 0)
              std::this_thread::yield();
          }
        }
        (void)(*journal)->close();
        durable = (*journal)->durable();
      }
      has_reached_the_end = calls < failing_call;
      failing.disk.set_fault(nullptr);
      power_is_lost ? failing.disk.lose_power(failing_call) : failing.disk.end_process();
      failing.replayed = {};
      const auto again = failing.open(300);
      REQUIRE(again);
      REQUIRE((*again)->recovered().last >= durable);
    }
  }
}

TEST_CASE("what is recovered from the cache after a failed fsync is written anew before it counts") {
  Failing failing;
  auto journal = std::move(*failing.open());
  failing.disk.set_fault(fail_once(Call::sync, 1, EIO));
  REQUIRE(journal->append("only in the cache, and clean"));
  failing.wait_for_report();
  journal.reset();
  failing.disk.end_process();
  failing.disk.set_fault(nullptr);
  journal = std::move(*failing.open());
  REQUIRE(failing.replayed.records.size() == 1);
  REQUIRE(journal->durable() == 1);
  journal.reset();
  failing.disk.lose_power(1);
  failing.replayed = {};
  REQUIRE(failing.open());
  CHECK(failing.replayed.records.size() == 1);
}

TEST_CASE("all that is appended while one commit runs is one write and one fdatasync") {
  Failing failing;
  failing.disk.set_fault(nullptr);
  auto journal = std::move(*failing.open(1 << 20));
  std::latch is_syncing(1), may_go_on(1);
  std::atomic<int> syncs = 0;
  failing.disk.set_before_sync([&] {
    if (syncs++ > 0) return;
    is_syncing.count_down();
    may_go_on.wait();
  });
  const uint64_t before = failing.disk.calls();
  REQUIRE(journal->append("first"));
  is_syncing.wait();
  for (int i = 0; i < 1000; ++i) REQUIRE(journal->append("more"));
  CHECK(journal->durable() == 0);
  CHECK(journal->pending().count == 9 + 1000 * 8);
  may_go_on.count_down();
  wait_until_durable(*journal, 1001);
  CHECK(syncs == 2);
  CHECK(failing.disk.calls() - before == 4);
}

TEST_CASE("with the page cache's promise only, a record costs no fdatasync until nothing follows") {
  SimulatedDisk disk;
  Options options;
  options.sync = Sync::page_cache;
  options.mark_after = std::chrono::hours(1);
  Replayed replayed;
  auto journal = std::move(*Journal::open(options, replayed.replay(), disk.open()));
  disk.set_fault(nullptr);
  for (int i = 0; i < 10; ++i) wait_until_durable(*journal, *journal->append("record"));
  CHECK(disk.calls(Call::sync) == 0);
  REQUIRE(journal->close());
  disk.lose_power(1);
  REQUIRE(Journal::open(options, replayed.replay(), disk.open()));
  CHECK(replayed.records.size() == 10);
}
