// An append-only log of records with snapshots: the memory of a state machine that survives kill -9 and power
// loss. What durable() says is on the disk: fdatasync has said so. Records are gathered while one commit
// runs, and written together by the next, which starts when that one ends; there is no timer.
//
//     Options options{.directory = "/var/lib/weir/locker"};
//     options.on_failure = …;  // ends the process
//     auto journal = Journal::open(options, {.snapshot = …, .record = …});
//     auto sequence = (*journal)->append(record);
//     …                         // on_durable(sequence or more): now it may be acknowledged
//
// A write or an fsync that fails is not tried again, for nobody knows what the disk holds then: the failure
// is reported once, and nothing is acknowledged any more. Opening the journal again finds out what is there.
//
// The directory holds segments (of records) and snapshots; format.hh describes them. Files of other names are
// left alone. Recovery cuts off what an unfinished write has left at the end; anything else that cannot be
// read is damage, and an error.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "pkg/base/units.hh"
#include "pkg/journal/recovery.hh"
#include "pkg/journal/segment.hh"

namespace weir::journal {

enum class Sync {
  durable,     // durable() follows fdatasync
  page_cache,  // durable() follows the write: it survives kill -9, not the loss of power
};

struct Options {
  std::string directory;
  Bytes segment_size{64 << 20};   // what a segment is allocated with; a larger commit gets a larger one
  Bytes pending_limit{64 << 20};  // of records that are not durable yet; 1 GiB at most
  Sync sync = Sync::durable;
  OnDamage on_damage = OnDamage::fail;
  // After so long without a record, a mark says on the disk that all are there: damage to the last of them is
  // then known as such. Without it, it would look like a write that never ended.
  Duration mark_after = std::chrono::seconds(1);
  // Both on a thread of the journal's, the first also within open() for what was recovered; they must not
  // block, and not call the journal but for durable(). For the loop of a daemon, durability.hh has them.
  std::function<void(Sequence durable)> on_durable;
  std::function<void(const Error& error)> on_failure;  // once
};

class Journal {
 public:
  // Replays what is there. Errc::refused when another process has the directory, Errc::invalid for damage.
  static Result<std::unique_ptr<Journal>> open(Options options, const Replay& replay);
  static Result<std::unique_ptr<Journal>> open(Options options, const Replay& replay,
                                               std::unique_ptr<Directory> directory);
  ~Journal();  // as close()
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Copies a record into the next commit and returns its sequence; never waits. Errc::limit for a record of
  // more than kMaxRecordBytes and while too much is pending; Errc::unavailable after a failure, after close()
  // and when read-only. From one thread, the owner's, as all that follows but for durable().
  Result<Sequence> append(std::string_view record);
  Sequence appended() const { return appended_; }  // the last one
  // Everything up to here is on the disk. From any thread.
  Sequence durable() const { return durable_.load(std::memory_order_acquire); }
  Bytes pending() const { return Bytes{pending_bytes_.load(std::memory_order_relaxed)}; }

  // Writes a snapshot on a thread of its own, while records are appended; it becomes valid when all records
  // it covers are durable. Then segments and snapshots that are not needed any more are removed. `covered` is
  // at most appended(), and more than the last one covered. Errc::unavailable while one is being written.
  Result<> write_snapshot(Sequence covered, std::string bytes);
  Sequence snapshot() const;  // what the last whole one covers; 0 when there is none

  const Recovered& recovered() const { return recovered_; }
  bool is_read_only() const { return recovered_.damage.has_value(); }

  // Commits all that was appended, ends the last segment where its records end, and lets go of the directory.
  // The error is that of an earlier failure too.
  Result<> close();

 private:
  struct Batch {
    std::string records;
    Sequence first = 0;
    uint32_t count = 0;
  };

  Journal(Options options, std::unique_ptr<Directory> directory, Recovered recovered);
  Result<> start();
  void commit_loop();
  bool take_batch(Batch& batch);
  Result<> commit(const Batch& batch);
  Result<> write_mark();
  Result<> make_segment(Sequence first);
  void publish(const Batch& batch);
  void snapshot_loop();
  void report(Error error);
  Result<> append_error(size_t size) const;

  const Options options_;
  std::unique_ptr<Directory> directory_;
  Recovered recovered_;

  // The owner's.
  Sequence appended_;
  bool is_closed_ = false;

  // The commit thread's, and the owner's when that has ended.
  std::optional<SegmentWriter> segment_;
  Sequence synced_;         // as fdatasync has said
  Sequence marked_synced_;  // as the segment says
  Sequence written_;

  std::atomic<Sequence> durable_;
  std::atomic<uint64_t> pending_bytes_{0};
  std::atomic<bool> has_failed_{false};

  mutable std::mutex mutex_;  // of what follows
  std::condition_variable work_;
  Batch pending_;
  bool is_stopping_ = false;
  std::optional<Error> failure_;
  std::condition_variable snapshot_work_;
  struct Snapshot {
    Sequence covered;
    std::string bytes;
  };
  std::optional<Snapshot> wanted_snapshot_;
  Sequence snapshot_;

  std::thread committer_;
  std::thread snapshotter_;
};

}  // namespace weir::journal
