#include "cmd/weir-locker/engine.hh"

#include <ctime>

#include "cmd/weir-locker/wall_time.hh"
#include "cmd/weir-locker/watch.hh"
#include "pkg/daemon/log.hh"

namespace weir::locker {

using keyspace::Millis;

namespace {

// Beyond this the loop was not late but stopped: SIGSTOP, a suspended machine, a hypervisor's pause.
constexpr Millis kAbsence{1000};
// now() leaves out fractions: a lease may have begun so much later than is written of it.
constexpr Millis kTick{1};

}  // namespace

// Waits for what happens to one key's claim.
class Engine::GrantWait final : public aio::Operation {
 public:
  GrantWait(Engine& engine, const std::string& key, aio::Deadline deadline)
      : engine_(engine), key_(key), deadline_(deadline) {}

  bool await_ready() const { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    if (!start(handle, *handle.promise().context, deadline_)) return false;
    place_ = engine_.waiting_.emplace(key_, this);
    return true;
  }
  Result<> await_resume() const { return aio::to_result(outcome(), "waiting for a lock"); }

  void wake() {
    engine_.waiting_.erase(place_);
    resume_later();
  }

 private:
  void on_interrupt() override { wake(); }

  Engine& engine_;
  const std::string& key_;
  aio::Deadline deadline_;
  std::unordered_multimap<std::string, GrantWait*>::iterator place_;
};

Engine::Engine(const EngineSettings& settings)
    : settings_(settings), keys_(settings.limits), locks_([] { return wall_time().count(); }) {}

Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::open(const EngineSettings& settings,
                                             std::function<void(const Error&)> on_failure) {
  std::unique_ptr<Engine> engine(new Engine(settings));
  if (!settings.directory.empty()) {
    const auto recovered = engine->recover(std::move(on_failure));
    if (!recovered) return std::unexpected(recovered.error());
  }
  engine->locks_.rebuild(engine->keys_);
  engine->visible_ = engine->keys_.revision();
  engine->keys_.on_change([one = engine.get()](const keyspace::Change& change) { one->on_change(change); });
  engine->locks_.on_happening(
      [one = engine.get()](const lock::Happening& happening) { one->on_happening(happening); });
  engine->happenings_.listen_always([one = engine.get()](const Happening& happening) {
    if (happening.kind == lock::Happening::Kind::claimed) return;
    if (one->waiting_.empty()) return;
    for (auto waiting = one->waiting_.find(happening.key); waiting != one->waiting_.end();
         waiting = one->waiting_.find(happening.key)) {
      waiting->second->wake();
    }
  });
  return engine;
}

Result<> Engine::recover(std::function<void(const Error&)> on_failure) {
  journal::Options options;
  options.directory = settings_.directory;
  options.sync = settings_.sync;
  durability_.attach(options, std::move(on_failure));
  const journal::Replay replay{
      .snapshot = [this](journal::Sequence, std::string_view bytes) { return keys_.restore(bytes, now()); },
      .record = [this](journal::Sequence, std::string_view record) { return keys_.redo(record, now()); }};
  auto journal = journal::Journal::open(std::move(options), replay);
  if (!journal) return std::unexpected(std::move(journal.error()));
  journal_ = std::move(*journal);
  sequence_ = journal_->appended();
  const auto& recovered = journal_->recovered();
  log::info("journal read", {{"directory", settings_.directory},
                             {"records", std::to_string(recovered.records)},
                             {"keys", std::to_string(keys_.size())},
                             {"leases", std::to_string(keys_.leases().size())},
                             {"revision", std::to_string(keys_.revision())},
                             {"torn_bytes", std::to_string(recovered.torn_bytes)}});
  for (const std::string& name : recovered.damaged_snapshots)
    log::warn("a snapshot is damaged; an older one stood in for it", {{"file", name}});
  return {};
}

void Engine::start(aio::Loop& loop, aio::Scope& tasks) {
  loop_ = &loop;
  if (journal_) {
    durability_.bind(loop);
    tasks.spawn(publish_durable());
  }
  restart_leases();  // since the journal was read some time has passed
  tasks.spawn(end_leases());
}

Result<> Engine::close() {
  return journal_ ? journal_->close() : Result<>();
}

Millis Engine::now() const {
  // Goes on while the machine sleeps, and knows nothing of the wall clock's jumps.
  timespec time{};
  clock_gettime(CLOCK_BOOTTIME, &time);
  return std::chrono::duration_cast<Millis>(std::chrono::seconds(time.tv_sec) +
                                            std::chrono::nanoseconds(time.tv_nsec));
}

keyspace::LeaseId Engine::fresh_lease_id() {
  for (;;) {
    const auto id = static_cast<keyspace::LeaseId>(random_.next() >> 1);
    if (id > 0 && keys_.find_lease(id) == nullptr) return id;
  }
}

void Engine::on_change(const keyspace::Change& change) {
  locks_.follow(change);
}

void Engine::on_happening(const lock::Happening& happening) {
  happenings_.add(journal_ ? sequence_ + 1 : 0, cause_, happening);
}

Result<Engine::Committed> Engine::begin(const keyspace::Request& request, Cause cause) {
  // Asked before anything changes: what was changed must be written. What only takes away has the other half.
  if (cause == Cause::client && journal_ &&
      journal_->pending().count > journal::Options{}.pending_limit.count / 2)
    return fail(Errc::unavailable, "the disk does not keep up");
  Committed committed;
  {
    const std::lock_guard lock(mutex_);
    cause_ = cause;
    auto response = keys_.commit(request, now(), record_);
    if (!response) return std::unexpected(std::move(response.error()));
    committed.response = std::move(*response);
  }
  if (const auto end = next_end(); end && *end < next_look_) earlier_end_.set();
  if (!journal_) {
    if (!record_.empty()) publish(keys_.revision(), 0);
    return committed;
  }
  if (!record_.empty()) {
    const auto appended = journal_->append(record_);
    if (!appended) return std::unexpected(appended.error());  // it has failed, and the process ends
    sequence_ = *appended;
    bytes_since_snapshot_ += record_.size();
    snapshot_if_due();
    changed_.set();
  }
  committed.sequence = sequence_;
  return committed;
}

aio::Task<Result<>> Engine::durable(journal::Sequence sequence) {
  if (!journal_) co_return Result<>();
  co_return co_await durability_.reached(sequence);
}

aio::Task<Result<keyspace::Response>> Engine::commit(keyspace::Request request, Cause cause) {
  auto committed = begin(request, cause);
  if (!committed) co_return std::unexpected(std::move(committed.error()));
  const auto done = co_await durable(committed->sequence);
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(committed->response);
}

aio::Task<Result<>> Engine::settle() {
  return durable(sequence_);
}

bool Engine::keep_alive(keyspace::LeaseId id) {
  const std::lock_guard lock(mutex_);
  return keys_.keep_alive(id, now());
}

aio::Task<Result<>> Engine::granted(std::string key, keyspace::Revision created, aio::Deadline deadline) {
  for (;;) {
    const auto claim = keys_.find(key);
    // A later claim of the same session is another one: others may have come between.
    if (claim == nullptr || claim->created != created)
      co_return fail(Errc::not_found, "the session has ended, and its claim with it");
    if (locks_.is_granted(*claim)) break;
    if (is_ending_) co_return fail(Errc::unavailable, "the server is ending");
    const auto woken = co_await GrantWait(*this, key, deadline);
    if (!woken) co_return woken;
  }
  co_return co_await settle();
}

void Engine::end_waits() {
  is_ending_ = true;
  while (!waiting_.empty()) waiting_.begin()->second->wake();
  for (Watch* watch : watches_) watch->arrived_.set();
  listeners_.cancel_all();
  for (const auto& function : on_end_) function();
}

void Engine::publish(keyspace::Revision revision, journal::Sequence sequence) {
  const keyspace::Revision before = std::exchange(visible_, revision);
  happenings_.tell(sequence);
  if (watches_.empty() || before == revision) return;
  const auto& history = keys_.history();
  const size_t first = keys_.first_after(before + 1).value_or(0);
  for (Watch* watch : watches_) {
    for (size_t i = first; i < history.size() && history[i].now->modified <= revision; ++i) {
      if (!watch->range_.contains(history[i].now->key)) continue;
      watch->arrived_.set();
      break;
    }
  }
}

aio::Task<> Engine::publish_durable() {
  for (;;) {
    const auto changed = co_await changed_.wait(aio::Deadline::never());
    if (!changed) co_return;
    changed_.reset();
    const keyspace::Revision revision = keys_.revision();
    const journal::Sequence sequence = sequence_;
    const auto done = co_await durability_.reached(sequence);
    if (!done) co_return;
    publish(revision, sequence);
  }
}

aio::Task<> Engine::end_leases() {
  for (;;) {
    const Millis began = now();
    next_look_ = next_end().value_or(began + std::chrono::hours(1));
    earlier_end_.reset();
    if (next_look_ > began) {
      const auto woken = co_await earlier_end_.wait(loop_->in(next_look_ - began));
      if (!woken && woken.error().code == Errc::cancelled) co_return;
      if (woken) continue;
    }
    // What came in meanwhile, a sign of life among it, goes first.
    co_await aio::yield();
    const Millis present = now();
    if (present > next_look_ + kAbsence) {
      log::warn("this process did not run for a while; all leases start anew",
                {{"late", format_duration(present - next_look_)}});
      restart_leases();
      continue;
    }
    for (const keyspace::LeaseId id : keys_.ended(present - kTick)) end_lease(id);
  }
}

std::optional<Millis> Engine::next_end() const {
  const auto end = keys_.next_end();
  if (!end) return std::nullopt;
  return *end + kTick;
}

void Engine::restart_leases() {
  const std::lock_guard lock(mutex_);
  std::vector<keyspace::LeaseId> all;
  for (const auto& [id, lease] : keys_.leases()) all.push_back(id);
  for (const keyspace::LeaseId id : all) keys_.keep_alive(id, now());
}

void Engine::end_lease(keyspace::LeaseId id) {
  keyspace::Request request;
  keep_for_delay(id, request);
  request.then.emplace_back(keyspace::Revoke{id});
  const auto ended = begin(request, Cause::expired);
  if (!ended) {
    log::error("a lease could not be ended",
               {{"lease", std::to_string(id)}, {"reason", ended.error().message}});
    (void)keep_alive(id);  // and is tried again when its time is over again
  }
}

// A lock with a delay is kept for it, by a lease of its own, where it stands.
void Engine::keep_for_delay(keyspace::LeaseId id, keyspace::Request& request) {
  const auto keys = keys_.find_lease(id)->keys;
  for (const std::string& name : keys) {
    const auto key = keys_.find(name);
    const lock::Claimant* const claimant = locks_.find_claimant(*key);
    if (claimant == nullptr || !claimant->is_granted || claimant->claim.is_delay) continue;
    if (claimant->claim.delay == Millis{0}) continue;
    lock::Claim claim = claimant->claim;
    claim.is_delay = true;
    request.then.emplace_back(keyspace::Grant{fresh_lease_id(), claim.delay, true});
    request.then.emplace_back(keyspace::Put{name, to_value(claim), keyspace::kGranted});
    // A session may have more locks than one request has room for.
    if (request.then.size() + 3 <= settings_.limits.operations) continue;
    (void)begin(request, Cause::expired);  // what is not kept is free at once
    request.then.clear();
  }
}

void Engine::snapshot_if_due() {
  if (bytes_since_snapshot_ < settings_.snapshot_after.count) return;
  const auto begun = journal_->write_snapshot(sequence_, keys_.snapshot());
  if (begun) bytes_since_snapshot_ = 0;  // else one is being written, and the next record asks again
}

}  // namespace weir::locker
