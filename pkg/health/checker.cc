#include "pkg/health/checker.hh"

#include <algorithm>
#include <set>

namespace weir::health {

Checker::Checker(aio::Loop& loop, size_t most_at_a_time, OnVerdict on_verdict, Random random)
    : on_verdict_(std::move(on_verdict)), random_(random), free_places_(most_at_a_time), scope_(loop) {}

namespace {

bool is_same(const Probe& a, const Probe& b) {
  const bool same_opening = a.opening && b.opening ? *a.opening == *b.opening : a.opening == b.opening;
  return a.server == b.server && *a.settings == *b.settings && same_opening;
}

}  // namespace

void Checker::set(const std::vector<Probe>& probes) {
  std::set<std::string> wanted;
  for (const Probe& probe : probes) {
    if (probe.settings->kind != CheckKind::none) wanted.insert(probe.id);
  }
  std::vector<std::string> gone;
  for (const auto& [id, entry] : entries_) {
    if (!wanted.contains(id)) gone.push_back(id);
  }
  for (const std::string& id : gone) drop(id);
  for (const Probe& probe : probes) {
    if (!wanted.contains(probe.id)) continue;
    if (const auto found = entries_.find(probe.id); found != entries_.end()) {
      const Probe& present = found->second->probe;
      if (is_same(present, probe)) continue;
      drop(probe.id);
    }
    auto entry = std::make_shared<Entry>(Entry{probe, nullptr});
    entries_.emplace(probe.id, entry);
    scope_.spawn(run(entry));
  }
}

void Checker::drop(const std::string& id) {
  const auto found = entries_.find(id);
  found->second->task->cancel();
  entries_.erase(found);
}

aio::Task<> Checker::close() {
  entries_.clear();
  co_await scope_.close();
}

// An entry lives as long as its task, also when it is no longer in the set.
aio::Task<> Checker::run(std::shared_ptr<Entry> entry) {
  aio::TaskContext& me = co_await aio::this_task();
  entry->task = &me;
  const CheckSettings& settings = *entry->probe.settings;
  aio::Loop& loop = scope_.loop();
  co_await aio::yield();
  for (;;) {
    const auto place = co_await take_place();
    if (!place) co_return;
    const uint64_t begin = loop.now_tick();
    const Verdict verdict = co_await check(loop, settings, entry->probe.server, entry->probe.opening);
    give_place_back();
    if (me.cancelled) co_return;
    on_verdict_(entry->probe.id, verdict);
    const auto millis = std::chrono::ceil<std::chrono::milliseconds>(wait_after(settings)).count();
    const uint64_t next = begin + static_cast<uint64_t>(millis);
    const auto slept = co_await aio::sleep_until(aio::Deadline::at(std::max(next, loop.now_tick() + 1)));
    if (!slept) co_return;
  }
}

Duration Checker::wait_after(const CheckSettings& settings) {
  const double part = 1 + settings.jitter * (2 * random_.unit() - 1);
  return std::chrono::duration_cast<Duration>(settings.interval * part);
}

aio::Task<Result<>> Checker::take_place() {
  if (free_places_ > 0) {
    --free_places_;
    co_return Result<>();
  }
  aio::Event turn;
  waiting_.push_back(&turn);
  const auto woken = co_await turn.wait(aio::Deadline::never());
  if (!woken) {
    std::erase(waiting_, &turn);
    if (turn.is_set()) give_place_back();  // given in the same turn of the loop as the task was cancelled
  }
  co_return woken;
}

void Checker::give_place_back() {
  if (waiting_.empty()) {
    ++free_places_;
    return;
  }
  aio::Event* turn = waiting_.front();
  waiting_.pop_front();
  turn->set();
}

}  // namespace weir::health
