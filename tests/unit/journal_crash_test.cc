// Journals whose machine loses power, or whose process is killed, at any call; many lives on one disk.
#include <catch2/catch.hpp>

#include <atomic>

#include "pkg/base/random.hh"
#include "tests/unit/journal_disk.hh"
#include "tests/unit/journal_fixture.hh"

using namespace weir;
using namespace weir::journal;

namespace {

// What was written, and what of it must be there.
struct Story {
  std::vector<std::string> records;  // of the sequences from 1
  std::atomic<Sequence> acknowledged = 0;
  uint64_t texts = 0;  // so that no two records are alike

  std::string next(Random& random) {
    return std::to_string(++texts) + std::string(random.below(random.below(8) == 0 ? 3000 : 60), 'r');
  }
  std::string state(Sequence covered) const {
    std::string state;
    for (Sequence i = 0; i < covered; ++i) state += records[i] + "\n";
    return state;
  }
};

// True when what came back is what was written: all that was acknowledged, and then some, perhaps.
void check_recovered(const Replayed& replayed, const Recovered& recovered, Story& story) {
  REQUIRE(recovered.last >= story.acknowledged);
  REQUIRE(recovered.last <= story.records.size());
  REQUIRE(replayed.covered + replayed.records.size() == recovered.last);
  if (replayed.covered > 0) REQUIRE(replayed.snapshot == story.state(replayed.covered));
  for (size_t i = 0; i < replayed.records.size(); ++i) {
    REQUIRE(replayed.records[i] == story.records[replayed.covered + i]);
  }
  // The rest was never acknowledged, and is forgotten for good.
  story.records.resize(recovered.last);
  story.acknowledged = recovered.last;
}

Options options_of(Random& random, Sync sync) {
  Options options;
  options.sync = sync;
  options.directory = "simulated";
  options.segment_size = Bytes{random.below(2) == 0 ? 2048u : 20'000u};
  options.mark_after =
      random.below(4) == 0 ? Duration(std::chrono::microseconds(20)) : Duration(std::chrono::hours(1));
  return options;
}

// One life of the journal, until the power fails or `steps` are done.
void live(SimulatedDisk& disk, Story& story, Random& random, int steps, Sync sync = Sync::durable) {
  Replayed replayed;
  Options options = options_of(random, sync);
  options.on_durable = [&story](Sequence durable) { story.acknowledged = durable; };
  auto opened = Journal::open(options, replayed.replay(), disk.open());
  if (!opened) {
    INFO(opened.error().message);
    REQUIRE(disk.is_dead());
    return;
  }
  Journal& journal = **opened;
  check_recovered(replayed, journal.recovered(), story);
  for (int i = 0; i < steps; ++i) {
    const std::string record = story.next(random);
    const auto sequence = journal.append(record);
    if (!sequence) break;
    story.records.push_back(record);
    REQUIRE(*sequence == story.records.size());
    if (random.below(3) == 0) {
      while (journal.durable() < *sequence && !disk.is_dead()) std::this_thread::yield();
    }
    if (random.below(10) == 0) (void)journal.write_snapshot(*sequence, story.state(*sequence));
  }
  if (random.below(2) == 0) (void)journal.close();
  opened->reset();
}

}  // namespace

TEST_CASE("what was acknowledged survives any number of power cuts and kills, wherever they fall") {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    SimulatedDisk disk;
    Story story;
    disk.write_short(random.below(4) == 0);
    for (int life = 0; life < 6; ++life) {
      disk.cut_power_at(1 + random.below(60), random.next());
      live(disk, story, random, 30);
      if (random.below(3) == 0) {
        disk.end_process();
      } else {
        disk.lose_power(random.next());
      }
    }
    live(disk, story, random, 3);
  }
}

TEST_CASE("what the page cache has is lost with the power, but for the end of it only, and by no kill") {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    SimulatedDisk disk;
    Story story;
    for (int life = 0; life < 6; ++life) {
      disk.cut_power_at(1 + random.below(60), random.next());
      live(disk, story, random, 30, Sync::page_cache);
      if (random.below(2) == 0) {
        disk.end_process();
      } else {
        disk.lose_power(random.next());
        story.acknowledged = 0;
      }
    }
    live(disk, story, random, 3, Sync::page_cache);
  }
}

TEST_CASE("a power cut at any single call of a life with segments and snapshots loses nothing acknowledged") {
  bool has_reached_the_end = false;
  for (uint64_t call = 1; !has_reached_the_end; ++call) {
    for (uint64_t seed = 1; seed <= 5; ++seed) {
      INFO("call " << call << ", seed " << seed);
      Random random(seed);
      SimulatedDisk disk;
      Story story;
      live(disk, story, random, 20);
      disk.cut_power_at(call, seed);
      live(disk, story, random, 20);
      has_reached_the_end = !disk.is_dead();
      disk.lose_power(seed);
      live(disk, story, random, 3);
    }
  }
}
