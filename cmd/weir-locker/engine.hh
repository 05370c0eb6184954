// The state of the lock server: its keys, the locks that they make, the journal that remembers them, and the
// clock that ends leases. One loop owns it; every door asks it.
//
// What a request changes is seen at once by the requests after it, but nobody is told before it is durable:
// neither who asked, nor who waits or watches. If it cannot be made durable, nobody ever is, for the process
// then ends.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cmd/weir-locker/happenings.hh"
#include "pkg/aio/idle_list.hh"
#include "pkg/aio/scope.hh"
#include "pkg/base/random.hh"
#include "pkg/journal/durability.hh"
#include "pkg/keyspace/keyspace.hh"
#include "pkg/lock/index.hh"

namespace weir::locker {

struct EngineSettings {
  std::string directory;  // of the journal; empty: nothing is remembered
  journal::Sync sync = journal::Sync::durable;
  Bytes snapshot_after{64 << 20};  // of records
  keyspace::Limits limits;
};

class Watch;

class Engine {
 public:
  // Reads the journal. Errors: refused (another process has it), invalid (damage), internal.
  // `on_failure` is called on the loop's thread when the journal has failed: the process must end.
  static Result<std::unique_ptr<Engine>> open(const EngineSettings& settings,
                                              std::function<void(const Error&)> on_failure);
  ~Engine();
  // From now on it is this thread's.
  void start(aio::Loop& loop, aio::Scope& tasks);
  // What was begun is durable. Before the loop ends.
  Result<> close();

  // Done, and what it will take until it may be told.
  struct Committed {
    keyspace::Response response;
    journal::Sequence sequence = 0;
  };
  Result<Committed> begin(const keyspace::Request& request, Cause cause = Cause::client);
  aio::Task<Result<>> durable(journal::Sequence sequence);
  // Both. The change stays when the task is cancelled meanwhile.
  aio::Task<Result<keyspace::Response>> commit(keyspace::Request request, Cause cause = Cause::client);
  // All that can be seen now may be told.
  aio::Task<Result<>> settle();

  // False: there is no such lease (any more).
  bool keep_alive(keyspace::LeaseId id);
  keyspace::LeaseId fresh_lease_id();
  keyspace::Millis now() const;

  // Waits until the claim behind `key` that was made at this revision is granted. Errors: not_found (it is
  // gone, and so is its session, or its session has given it back), timed_out, cancelled.
  aio::Task<Result<>> granted(std::string key, keyspace::Revision created, aio::Deadline deadline);

  // The server drains: who waits for a grant gets Errc::unavailable, who waits for changes goes on without
  // any, who only listens is cancelled.
  void end_waits();
  bool is_ending() const { return is_ending_; }
  // Tasks that wait for a client that has asked for nothing, or for what may never come.
  aio::IdleList& listeners() { return listeners_; }
  // Calls `function` when the server drains, as long as this lives.
  class OnEnd {
   public:
    OnEnd(Engine& engine, std::function<void()> function)
        : all_(engine.on_end_), place_(all_.insert(all_.end(), std::move(function))) {}
    ~OnEnd() { all_.erase(place_); }
    OnEnd(const OnEnd&) = delete;
    OnEnd& operator=(const OnEnd&) = delete;

   private:
    std::list<std::function<void()>>& all_;
    std::list<std::function<void()>>::iterator place_;
  };

  // The loop's thread may look without asking; any other within inspect().
  const keyspace::Keyspace& keys() const { return keys_; }
  const lock::Index& locks() const { return locks_; }
  aio::Loop& loop() { return *loop_; }
  template <typename Look>
  auto inspect(Look look) const {
    const std::lock_guard lock(mutex_);
    return look(keys_, locks_);
  }

  Happenings& happenings() { return happenings_; }
  const journal::Journal* journal() const { return journal_.get(); }
  keyspace::Revision visible() const { return visible_; }

 private:
  friend class Watch;
  class GrantWait;

  explicit Engine(const EngineSettings& settings);
  Result<> recover(std::function<void(const Error&)> on_failure);
  void on_change(const keyspace::Change& change);
  void on_happening(const lock::Happening& happening);
  void publish(keyspace::Revision revision, journal::Sequence sequence);
  aio::Task<> publish_durable();
  aio::Task<> end_leases();
  void end_lease(keyspace::LeaseId id);
  void keep_for_delay(keyspace::LeaseId id, keyspace::Request& request);
  std::optional<keyspace::Millis> next_end() const;
  void restart_leases();
  void snapshot_if_due();

  const EngineSettings settings_;
  mutable std::mutex mutex_;  // held by the loop's thread when it changes what follows, by others to look
  keyspace::Keyspace keys_;
  lock::Index locks_;

  aio::Loop* loop_ = nullptr;
  journal::Durability durability_;
  std::unique_ptr<journal::Journal> journal_;  // null: nothing is remembered
  uint64_t bytes_since_snapshot_ = 0;
  Random random_;

  // Of the changes that are not yet told.
  journal::Sequence sequence_ = 0;
  keyspace::Revision visible_ = 0;
  Cause cause_ = Cause::client;
  std::string record_;  // of the request that is being carried out
  Happenings happenings_;
  aio::Event changed_;
  aio::Event earlier_end_;
  keyspace::Millis next_look_{0};  // when end_leases() looks again by itself

  std::unordered_multimap<std::string, GrantWait*> waiting_;
  std::vector<Watch*> watches_;
  bool is_ending_ = false;
  aio::IdleList listeners_;
  std::list<std::function<void()>> on_end_;
};

}  // namespace weir::locker
