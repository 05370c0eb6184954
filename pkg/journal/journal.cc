#include "pkg/journal/journal.hh"

#include "pkg/base/wire.hh"
#include "pkg/journal/snapshot.hh"

namespace weir::journal {
namespace {

constexpr Bytes kMaxPending{1 << 30};   // a frame says its size in 32 bits
constexpr size_t kKeptBytes = 8 << 20;  // what a burst needed beyond is given back

Error of_directory(Error error, const Options& options) {
  return std::move(error).context("journal " + options.directory);
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(Options options, const Replay& replay) {
  auto directory = open_directory(options.directory);
  if (!directory) return std::unexpected(of_directory(std::move(directory.error()), options));
  return open(std::move(options), replay, std::move(*directory));
}

Result<std::unique_ptr<Journal>> Journal::open(Options options, const Replay& replay,
                                               std::unique_ptr<Directory> directory) {
  if (options.pending_limit > kMaxPending) return fail(Errc::invalid, "a journal holds 1GiB pending at most");
  auto recovered = recover(*directory, replay, options.on_damage);
  if (!recovered) return std::unexpected(of_directory(std::move(recovered.error()), options));
  std::unique_ptr<Journal> journal(
      new Journal(std::move(options), std::move(directory), std::move(*recovered)));
  auto started = journal->start();
  if (!started) return std::unexpected(of_directory(std::move(started.error()), journal->options_));
  return journal;
}

Journal::Journal(Options options, std::unique_ptr<Directory> directory, Recovered recovered)
    : options_(std::move(options)),
      directory_(std::move(directory)),
      recovered_(std::move(recovered)),
      appended_(recovered_.last),
      synced_(appended_),
      marked_synced_(appended_),
      written_(appended_),
      durable_(appended_),
      snapshot_(recovered_.snapshot.value_or(0)) {}

Journal::~Journal() {
  (void)close();  // a failure of the threads was reported, and one of the sealing loses nothing
}

Result<> Journal::start() {
  if (is_read_only()) return {};
  // A segment of its own for every life: nothing is ever written behind what another one left.
  if (auto made = make_segment(appended_ + 1); !made) return made;
  if (options_.on_durable && appended_ > 0) options_.on_durable(appended_);
  committer_ = std::thread([this] { commit_loop(); });
  snapshotter_ = std::thread([this] { snapshot_loop(); });
  return {};
}

Result<> Journal::make_segment(Sequence first) {
  auto made = SegmentWriter::create(*directory_, first, options_.segment_size);
  if (!made) return std::unexpected(std::move(made.error()));
  segment_ = std::move(*made);
  return {};
}

Result<> Journal::append_error(size_t size) const {
  if (is_read_only()) return fail(Errc::unavailable, "the journal is read-only, for it is damaged");
  if (is_closed_) return fail(Errc::unavailable, "the journal is closed");
  if (has_failed_.load(std::memory_order_relaxed)) return fail(Errc::unavailable, "the journal has failed");
  if (size > kMaxRecordBytes) return fail(Errc::limit, "a record of " + std::to_string(size) + " bytes");
  if (pending().count > 0 && pending().count + size > options_.pending_limit.count) {
    return fail(Errc::limit, "too much is pending in the journal");
  }
  return {};
}

Result<Sequence> Journal::append(std::string_view record) {
  if (auto fine = append_error(record.size()); !fine) return std::unexpected(std::move(fine.error()));
  bool is_first = false;
  {
    const std::lock_guard lock(mutex_);
    is_first = pending_.count++ == 0;
    if (is_first) pending_.first = appended_ + 1;
    WireWriter(pending_.records).text(record);
    pending_bytes_.fetch_add(record.size() + sizeof(uint32_t), std::memory_order_relaxed);
  }
  if (is_first) work_.notify_one();  // without the lock, which the other thread wants at once
  return ++appended_;
}

void Journal::commit_loop() {
  Batch batch;
  while (take_batch(batch)) {
    auto done = batch.count > 0 ? commit(batch) : write_mark();
    if (!done) return report(std::move(done.error()));
    if (batch.count > 0) publish(batch);
  }
}

// False when there is nothing left to do. An empty batch asks for a mark.
bool Journal::take_batch(Batch& batch) {
  if (batch.records.capacity() > kKeptBytes) batch.records = {};
  batch.records.clear();
  batch.count = 0;
  std::unique_lock lock(mutex_);
  const auto has_work = [this] { return pending_.count > 0 || is_stopping_; };
  if (marked_synced_ < written_) {
    if (!work_.wait_for(lock, options_.mark_after, has_work)) return true;
  } else {
    work_.wait(lock, has_work);
  }
  if (failure_) return false;
  std::swap(batch, pending_);
  return batch.count > 0;
}

Result<> Journal::commit(const Batch& batch) {
  if (!segment_->has_room(batch.records.size())) {
    // The next segment says by its name that this one is whole.
    auto sealed = segment_->seal();
    if (sealed) sealed = make_segment(batch.first);
    if (!sealed) return sealed;
    synced_ = marked_synced_ = written_;
  }
  auto done = segment_->write(batch.records, batch.first, batch.count, synced_);
  if (done && options_.sync == Sync::durable) done = segment_->sync();
  if (!done) return done;
  marked_synced_ = synced_;
  written_ = batch.first + batch.count - 1;
  if (options_.sync == Sync::durable) synced_ = written_;
  return {};
}

Result<> Journal::write_mark() {
  if (synced_ < written_) {
    if (auto done = segment_->sync(); !done) return done;
    synced_ = written_;
  }
  auto done = segment_->write({}, written_ + 1, 0, synced_);
  if (done) done = segment_->sync();
  marked_synced_ = synced_;
  return done;
}

void Journal::publish(const Batch& batch) {
  const Sequence last = batch.first + batch.count - 1;
  {
    const std::lock_guard lock(mutex_);
    if (failure_) return;  // of a snapshot, meanwhile: nothing is acknowledged after it
    pending_bytes_.fetch_sub(batch.records.size(), std::memory_order_relaxed);
    durable_.store(last, std::memory_order_release);
    if (wanted_snapshot_) snapshot_work_.notify_one();
  }
  if (options_.on_durable) options_.on_durable(last);
}

void Journal::report(Error error) {
  error = of_directory(std::move(error), options_);
  {
    const std::lock_guard lock(mutex_);
    if (failure_) return;
    failure_ = error;
    has_failed_.store(true, std::memory_order_relaxed);
    work_.notify_one();
    snapshot_work_.notify_one();
  }
  if (options_.on_failure) options_.on_failure(error);
}

Result<> Journal::write_snapshot(Sequence covered, std::string bytes) {
  if (auto fine = append_error(0); !fine && fine.error().code != Errc::limit) return fine;
  const std::lock_guard lock(mutex_);
  if (covered > appended_ || covered <= snapshot_) {
    return fail(Errc::invalid, "a snapshot that covers " + std::to_string(covered) + " records");
  }
  if (wanted_snapshot_) return fail(Errc::unavailable, "another snapshot is being written");
  wanted_snapshot_ = Snapshot{covered, std::move(bytes)};
  snapshot_work_.notify_one();
  return {};
}

Sequence Journal::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

void Journal::snapshot_loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    // When the journal is closed, all that was appended is durable first.
    snapshot_work_.wait(lock, [this] {
      if (failure_) return true;
      return wanted_snapshot_ ? wanted_snapshot_->covered <= durable() : is_stopping_;
    });
    if (failure_ || !wanted_snapshot_) return;
    const Snapshot& snapshot = *wanted_snapshot_;  // stays, and nobody else touches it
    lock.unlock();
    Result<> done;
    if (options_.sync == Sync::page_cache) done = sync_segment_of(*directory_, snapshot.covered);
    if (done) done = journal::write_snapshot(*directory_, snapshot.covered, snapshot.bytes);
    if (done) done = remove_covered(*directory_);
    if (!done) return report(std::move(done.error()));
    lock.lock();
    snapshot_ = snapshot.covered;
    wanted_snapshot_.reset();
  }
}

Result<> Journal::close() {
  if (is_closed_) return {};
  is_closed_ = true;
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    work_.notify_one();
    snapshot_work_.notify_one();
  }
  if (committer_.joinable()) committer_.join();
  if (snapshotter_.joinable()) snapshotter_.join();
  Result<> done;
  if (failure_) {
    done = std::unexpected(*failure_);
  } else if (segment_) {
    if (marked_synced_ < written_) done = write_mark();
    if (done) done = segment_->seal();
    if (!done) done = std::unexpected(of_directory(std::move(done.error()), options_));
  }
  segment_.reset();
  directory_.reset();
  return done;
}

}  // namespace weir::journal
