#include "pkg/journal/recovery.hh"

#include <algorithm>

#include "pkg/journal/segment.hh"
#include "pkg/journal/snapshot.hh"

namespace weir::journal {
namespace {

std::string records_text(Sequence first, Sequence last) {
  return first == last ? "record " + std::to_string(first)
                       : "records " + std::to_string(first) + " to " + std::to_string(last);
}

class Recovery {
 public:
  Recovery(Directory& directory, const Replay& replay, OnDamage on_damage)
      : directory_(directory), replay_(replay), on_damage_(on_damage) {}

  Result<Recovered> run() {
    auto files = list_files(directory_);
    if (!files) return std::unexpected(std::move(files.error()));
    files_ = std::move(*files);
    auto done = load_snapshot();
    if (done) done = replay_segments();
    if (!done && is_damage_ && on_damage_ == OnDamage::read_only) {
      found_.damage = std::move(done.error());
      return std::move(found_);
    }
    if (done) done = tidy_up();
    if (!done) return std::unexpected(std::move(done.error()));
    return std::move(found_);
  }

 private:
  Result<> load_snapshot() {
    for (auto covered = files_.snapshots.rbegin(); covered != files_.snapshots.rend(); ++covered) {
      const auto bytes = read_snapshot(directory_, *covered);
      if (!bytes && bytes.error().code != Errc::invalid) return std::unexpected(bytes.error());
      if (!bytes) {
        found_.damaged_snapshots.push_back(bytes.error().message);
        damaged_snapshots_.push_back(*covered);
        continue;
      }
      found_.snapshot = *covered;
      found_.last = *covered;
      return replay_.snapshot(*covered, *bytes);
    }
    return {};
  }

  Result<> replay_segments() {
    if (files_.segments.empty()) {
      if (files_.snapshots.empty()) return {};
      return damaged("there is a snapshot, but no segment");
    }
    // The last one that begins no later than the first record wanted.
    auto segment = std::ranges::upper_bound(files_.segments, found_.last + 1);
    if (segment == files_.segments.begin()) {
      return damaged(records_text(found_.last + 1, *segment - 1) + " are in no segment and no snapshot");
    }
    for (--segment; segment != files_.segments.end(); ++segment) {
      const auto next = std::next(segment);
      const bool is_last = next == files_.segments.end();
      auto done = replay_segment(*segment, is_last ? std::nullopt : std::optional(*next));
      if (!done) return done;
    }
    return {};
  }

  // `follower` is where the next segment begins, which says that all before it was synced.
  Result<> replay_segment(Sequence first, std::optional<Sequence> follower) {
    const auto access = follower ? Directory::Access::read : Directory::Access::modify;
    auto reader = SegmentReader::open(directory_, first, access);
    if (!reader) {
      is_damage_ = reader.error().code == Errc::invalid;
      return std::unexpected(std::move(reader.error()));
    }
    while (true) {
      const auto frame = reader->read();
      if (!frame) return std::unexpected(frame.error());
      if (!*frame) break;
      auto used = each_record(
          **frame, [this](Sequence sequence, std::string_view record) { return take(sequence, record); });
      if (!used) return used;
    }
    ended_ = reader->next() - 1;
    if (!follower) return finish_last(*reader);
    if (reader->next() == *follower) return {};
    if (reader->next() > *follower)
      return damaged(reader->name() + " and " + segment_name(*follower) + " overlap");
    return damaged(reader->name() + " ends at byte " + std::to_string(reader->offset()) + ", and " +
                   records_text(reader->next(), *follower - 1) + " are missing");
  }

  Result<> take(Sequence sequence, std::string_view record) {
    if (sequence <= found_.last) return {};  // the snapshot has it
    auto taken = replay_.record(sequence, record);
    if (!taken) return taken;
    found_.last = sequence;
    ++found_.records;
    return {};
  }

  Result<> finish_last(SegmentReader& reader) {
    const auto tail = reader.read_tail();
    if (!tail) return std::unexpected(tail.error());
    if (tail->was_synced) {
      return damaged(reader.name() + " is damaged at byte " + std::to_string(reader.offset()) +
                     ", where record " + std::to_string(reader.next()) + " was, which was durable");
    }
    if (found_.snapshot && ended_ < *found_.snapshot) {
      return damaged(snapshot_name(*found_.snapshot) +
                     " covers more than the segments hold, which end with " + records_text(ended_, ended_));
    }
    found_.torn_bytes = tail->size;
    return reader.keep();
  }

  // A damaged snapshot is no longer one of the two that are kept, but stays for who wants to look at it.
  Result<> tidy_up() {
    for (const std::string& name : files_.unfinished) {
      if (const int answer = directory_.remove(name); answer < 0)
        return fail_errno("remove " + name, -answer);
    }
    for (const Sequence covered : damaged_snapshots_) {
      const std::string name = snapshot_name(covered);
      const int answer = directory_.rename(name, name + ".damaged");
      if (answer < 0) return fail_errno("rename " + name, -answer);
    }
    return {};
  }

  Result<> damaged(std::string message) {
    is_damage_ = true;
    return fail(Errc::invalid, std::move(message));
  }

  Directory& directory_;
  const Replay& replay_;
  const OnDamage on_damage_;
  Files files_;
  Recovered found_;
  std::vector<Sequence> damaged_snapshots_;
  Sequence ended_ = 0;  // the last record of the segments read so far
  bool is_damage_ = false;
};

}  // namespace

Result<Recovered> recover(Directory& directory, const Replay& replay, OnDamage on_damage) {
  return Recovery(directory, replay, on_damage).run();
}

}  // namespace weir::journal
