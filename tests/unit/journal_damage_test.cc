// What recovery makes of files that the disk has changed: never a record that was not written, never one left
// out, and an error where something is missing that was durable.
#include <catch2/catch.hpp>

#include <ranges>

#include "tests/unit/journal_disk.hh"
#include "tests/unit/journal_fixture.hh"

using namespace weir;
using namespace weir::journal;

namespace {

using FileMap = std::map<std::string, std::string>;

constexpr size_t kRecords = 24;

std::string record(Sequence sequence) {
  return "record " + std::to_string(sequence) + std::string(sequence % 5 * 20, '.');
}

struct Log {
  FileMap running;  // every record was durable before the next was appended
  FileMap closed;
};

// Several segments, the last with more than one frame, and two snapshots, at 9 and 14.
Log write_log(Bytes segment_size, bool with_snapshots, size_t records = kRecords) {
  SimulatedDisk disk;
  Options options;
  options.segment_size = segment_size;
  options.mark_after = std::chrono::hours(1);
  Replayed replayed;
  auto journal = std::move(*Journal::open(options, replayed.replay(), disk.open()));
  for (Sequence sequence = 1; sequence <= records; ++sequence) {
    REQUIRE(*journal->append(record(sequence)) == sequence);
    wait_until_durable(*journal, sequence);
    if (with_snapshots && (sequence == 9 || sequence == 14)) {
      REQUIRE(journal->write_snapshot(sequence, "state at " + std::to_string(sequence)));
      while (journal->snapshot() != sequence) std::this_thread::yield();
    }
  }
  Log log;
  log.running = disk.files();
  REQUIRE(journal->close());
  log.closed = disk.files();
  return log;
}

struct Outcome {
  Result<Recovered> recovered;
  Replayed replayed;
  FileMap files;  // afterwards
};

Outcome recover_from(const FileMap& files, OnDamage on_damage = OnDamage::fail) {
  SimulatedDisk disk;
  for (const auto& [name, bytes] : files) disk.put(name, bytes);
  Replayed replayed;
  auto recovered = recover(*disk.open(), replayed.replay(), on_damage);
  return {std::move(recovered), std::move(replayed), disk.files()};
}

void check_prefix(const Replayed& replayed) {
  REQUIRE((replayed.covered == 0 || replayed.snapshot == "state at " + std::to_string(replayed.covered)));
  for (size_t i = 0; i < replayed.records.size(); ++i) {
    REQUIRE(replayed.records[i] == record(replayed.covered + 1 + i));
  }
}

// Whatever happened to the files: success has all up to `proven` at least; read-only has a prefix in any
// case, and changes nothing when there is damage.
Outcome check_honest(const FileMap& files, Sequence proven) {
  Outcome outcome = recover_from(files);
  check_prefix(outcome.replayed);
  if (outcome.recovered) {
    REQUIRE(outcome.recovered->last == outcome.replayed.covered + outcome.replayed.records.size());
    REQUIRE(outcome.recovered->last >= proven);
    REQUIRE_FALSE(outcome.recovered->damage);
    return outcome;
  }
  REQUIRE(outcome.recovered.error().code == Errc::invalid);
  REQUIRE_FALSE(outcome.recovered.error().message.empty());
  REQUIRE(outcome.files == files);
  const Outcome read_only = recover_from(files, OnDamage::read_only);
  REQUIRE(read_only.recovered);
  REQUIRE(read_only.recovered->damage);
  REQUIRE(read_only.files == files);
  check_prefix(read_only.replayed);
  return outcome;
}

void flip_every_bit(const FileMap& files, Sequence proven) {
  for (const auto& [name, bytes] : files) {
    for (size_t at = 0; at < bytes.size(); ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        INFO(name << ", byte " << at << ", bit " << bit);
        FileMap changed = files;
        changed[name][at] = static_cast<char>(bytes[at] ^ (1 << bit));
        check_honest(changed, proven);
      }
    }
  }
}

bool is_segment(const std::string& name) {
  return name.starts_with("segment-");
}

std::string last_segment(const FileMap& files) {
  return std::ranges::max(files | std::views::keys | std::views::filter(is_segment));
}

}  // namespace

TEST_CASE("a flipped bit anywhere in a journal that was closed is harmless, or an error; nothing is lost") {
  flip_every_bit(write_log(Bytes{700}, true).closed, kRecords);
  flip_every_bit(write_log(Bytes{4096}, false).closed, kRecords);
}

TEST_CASE("a flipped bit in a journal that was killed costs the last commit at most, or is an error") {
  flip_every_bit(write_log(Bytes{700}, true).running, kRecords - 1);
}

TEST_CASE("a journal cut at any byte recovers to a prefix, unless what follows says that more was durable") {
  for (const bool with_snapshots : {false, true}) {
    const Log log = write_log(Bytes{700}, with_snapshots);
    for (const FileMap& files : {log.closed, log.running}) {
      const std::string last = last_segment(files);
      for (const auto& [name, bytes] : files) {
        for (size_t size = 0; size < bytes.size(); ++size) {
          INFO(name << " cut to " << size << " bytes");
          FileMap cut = files;
          cut[name].resize(size);
          const bool may_lose = name == last;
          const Outcome outcome = check_honest(cut, may_lose ? 0 : kRecords);
          // A segment has its header before it has its name, so a cut there is no torn tail.
          if (may_lose) REQUIRE(outcome.recovered.has_value() == (size >= kHeaderBytes));
        }
      }
    }
  }
}

TEST_CASE("a missing segment is an error that says which records are missing") {
  const FileMap files = write_log(Bytes{700}, false).closed;
  const std::string last = last_segment(files);
  for (const auto& [name, bytes] : files) {
    if (name == last) continue;
    FileMap fewer = files;
    fewer.erase(name);
    const Outcome outcome = check_honest(fewer, kRecords);
    REQUIRE_FALSE(outcome.recovered);
    CHECK(outcome.recovered.error().message.find("record") != std::string::npos);
  }
}

TEST_CASE("a damaged snapshot is told of, and the older one and its records stand in for it") {
  FileMap files = write_log(Bytes{700}, true).closed;
  files[snapshot_name(14)][40] ^= 1;
  const Outcome outcome = check_honest(files, kRecords);
  REQUIRE(outcome.recovered);
  CHECK(outcome.recovered->snapshot == 9);
  CHECK(outcome.recovered->damaged_snapshots.size() == 1);
  CHECK(outcome.recovered->records == kRecords - 9);
  CHECK(outcome.files.contains(snapshot_name(14) + ".damaged"));
  CHECK_FALSE(outcome.files.contains(snapshot_name(14)));
}

TEST_CASE("snapshots that are all damaged are an error when the first records are gone") {
  FileMap files = write_log(Bytes{400}, true).closed;
  REQUIRE_FALSE(files.contains(segment_name(1)));
  files[snapshot_name(14)].clear();
  files[snapshot_name(9)].clear();
  CHECK_FALSE(check_honest(files, kRecords).recovered);
}

TEST_CASE("stale frames of another file, in blocks that were reused, are no records") {
  const FileMap files = write_log(Bytes{4096}, false).running;
  const FileMap others = write_log(Bytes{4096}, false, kRecords + 6).running;
  const std::string name = last_segment(files);
  FileMap stale = files;
  // The frames that would follow these, of the other file's salt.
  const size_t at = (files.at(name).find_last_not_of('\0') / 8 + 1) * 8;
  stale[name].replace(at, std::string::npos, others.at(name), at);
  const Outcome outcome = check_honest(stale, kRecords);
  REQUIRE(outcome.recovered);
  CHECK(outcome.recovered->last == kRecords);
  CHECK(outcome.recovered->torn_bytes > 0);
}

TEST_CASE("a segment that was just made, and a file left half-made, are nothing to worry about") {
  FileMap files = write_log(Bytes{4096}, false).closed;
  files[segment_name(kRecords + 1)] = SegmentHeader{kRecords + 1, 7}.encode() + std::string(1000, '\0');
  files[segment_name(kRecords + 30) + ".tmp"] = "half";
  files[snapshot_name(5) + ".tmp"] = "half";
  const Outcome outcome = check_honest(files, kRecords);
  REQUIRE(outcome.recovered);
  CHECK(outcome.recovered->last == kRecords);
  CHECK(outcome.files.size() == 2);
}

TEST_CASE("a read-only journal takes no records") {
  FileMap files = write_log(Bytes{700}, false).closed;
  files[segment_name(1)][60] ^= 1;
  SimulatedDisk disk;
  for (const auto& [name, bytes] : files) disk.put(name, bytes);
  Options options;
  options.on_damage = OnDamage::read_only;
  Replayed replayed;
  const auto journal = Journal::open(options, replayed.replay(), disk.open());
  REQUIRE(journal);
  CHECK((*journal)->is_read_only());
  CHECK((*journal)->append("no").error().code == Errc::unavailable);
  CHECK((*journal)->write_snapshot(1, "no").error().code == Errc::unavailable);
  CHECK((*journal)->close());
  CHECK(disk.files() == files);
}

TEST_CASE("a journal that has nothing to do marks its last record as durable") {
  SimulatedDisk disk;
  Options options;
  options.segment_size = Bytes{4096};
  options.mark_after = std::chrono::milliseconds(1);
  Replayed replayed;
  const auto journal = std::move(*Journal::open(options, replayed.replay(), disk.open()));
  disk.set_fault(nullptr);
  wait_until_durable(*journal, *journal->append(record(1)));
  while (disk.calls(SimulatedDisk::Call::sync) < 2) std::this_thread::yield();
  FileMap files = disk.files();
  files[segment_name(1)][70] ^= 1;
  const Outcome outcome = check_honest(files, 1);
  REQUIRE_FALSE(outcome.recovered);
  CHECK(outcome.recovered.error().message ==
        "segment-00000000000000000001 is damaged at byte 32, where record 1 was, which was durable");
}
