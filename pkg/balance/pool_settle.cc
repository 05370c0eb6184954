// What follows from what is known of a pool's members: who is ejected, the state of each, panic, and the
// view.

#include <algorithm>

#include "pkg/balance/pool.hh"
#include "pkg/balance/wording.hh"

namespace weir::balance {

std::string_view to_string(State state) {
  switch (state) {
    case State::up:
      return "up";
    case State::starting:
      return "starting";
    case State::draining:
      return "draining";
    case State::disabled:
      return "disabled";
    case State::down:
      return "down";
    case State::ejected:
      return "ejected";
  }
  return "unknown";
}

void Pool::evaluate(MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  for (auto& [name, entry] : entries_) {
    entry.member->recent_.turn(now, settings_.outlier.window);
    if (entry.ejection.advance(settings_.outlier, now)) release(entry);
  }
  if (settings_.outlier.is_on()) eject_outliers(now);
  settle(now);
}

size_t Pool::count_in_service() const {
  return static_cast<size_t>(std::count_if(entries_.begin(), entries_.end(),
                                           [](const auto& named) { return named.second.is_in_service(); }));
}

size_t Pool::count_ejected() const {
  return static_cast<size_t>(std::count_if(entries_.begin(), entries_.end(), [](const auto& named) {
    return named.second.is_in_service() && named.second.ejection.is_ejected();
  }));
}

bool Pool::try_eject(Entry& entry, std::string reason, MonotonicTime now) {
  if (!entry.is_in_service() || !entry.is_healthy()) return false;
  if (count_ejected() >= most_ejected(settings_.outlier, count_in_service())) return false;
  entry.ejection.eject(settings_.outlier, now);
  entry.ejection_note = std::move(reason) + "; out for " + say_duration(entry.ejection.until() - now);
  return true;
}

void Pool::eject_outliers(MonotonicTime now) {
  std::vector<Entry*> observed;
  std::vector<Observation> observations;
  for (auto& [name, entry] : entries_) {
    if (!entry.is_in_service() || !entry.is_healthy()) continue;
    const Member& member = *entry.member;
    Observation seen{member.failures_in_row(), 0, member.recent().failures(), {}};
    if (settings_.outlier.latency_factor > 0 && settings_.outlier.latency_quantile > 0) {
      seen.requests = member.recent().requests();
      seen.latency = member.recent().quantile(settings_.outlier.latency_quantile);
    } else {
      const Recent::Mean mean = member.recent().mean();
      seen.requests = mean.requests;
      seen.latency = mean.latency;
    }
    observed.push_back(&entry);
    observations.push_back(seen);
  }
  for (Outlier& outlier : find_outliers(settings_.outlier, observations))
    try_eject(*observed[outlier.index], std::move(outlier.reason), now);
}

// It begins anew: what it did before must not eject it again.
void Pool::release(Entry& entry) {
  Member& member = *entry.member;
  member.recent_.clear();
  member.failures_in_row_.store(0, std::memory_order_relaxed);
  member.is_ejected_.store(false, std::memory_order_relaxed);
}

void Pool::release_above_cap(MonotonicTime now) {
  const size_t most = most_ejected(settings_.outlier, count_in_service());
  for (size_t ejected = count_ejected(); ejected > most; --ejected) {
    Entry* first = nullptr;
    for (auto& [name, entry] : entries_) {
      if (!entry.is_in_service() || !entry.ejection.is_ejected()) continue;
      if (first == nullptr || entry.ejection.until() < first->ejection.until()) first = &entry;
    }
    first->ejection.end(now);
    release(*first);
  }
}

State Pool::state_of(const Entry& entry, MonotonicTime now) const {
  if (entry.admin == Admin::disabled) return State::disabled;
  if (!entry.is_in_service()) return State::draining;
  if (!entry.health.is_up()) return State::down;
  if (entry.ejection.is_ejected()) return State::ejected;
  const bool is_starting =
      entry.started && slow_start_percent(settings_.slow_start, *entry.started, now) < 100;
  return is_starting ? State::starting : State::up;
}

std::string Pool::reason_of(const Entry& entry, State state) const {
  switch (state) {
    case State::up:
      return "";
    case State::starting:
      return "its weight grows over " + format_duration(settings_.slow_start.duration);
    case State::draining:
      return entry.admin == Admin::draining ? "drained by an operator or the config" : "its weight is 0";
    case State::disabled:
      return "disabled by an operator or the config";
    case State::down:
      if (entry.health.is_unknown()) return "not checked yet";
      return "health checks fail" + (entry.check_note.empty() ? "" : ": " + entry.check_note);
    case State::ejected:
      return entry.ejection_note;
  }
  return "";
}

void Pool::settle(MonotonicTime now) {
  release_above_cap(now);
  for (auto& [name, entry] : entries_) settle_state(entry, now);
  settle_panic(now);
  settle_view(now);
  // Only now, for the view before may have had no others: in panic they are wanted.
  for (const auto& [name, entry] : entries_) mark_ejected(entry);
}

void Pool::mark_ejected(const Entry& entry) {
  const bool is_ejected = entry.ejection.is_ejected();
  if (entry.member->is_ejected() != is_ejected)
    entry.member->is_ejected_.store(is_ejected, std::memory_order_relaxed);
}

void Pool::settle_state(Entry& entry, MonotonicTime now) {
  State next = state_of(entry, now);
  const auto takes_all = [](State state) { return state == State::up || state == State::starting; };
  if (!entry.is_new && takes_all(next) && !takes_all(entry.state)) {
    entry.started = now;
    next = state_of(entry, now);
  }
  if (next == State::up) entry.started.reset();
  std::string why = reason_of(entry, next);
  if (entry.is_new || next != entry.state) {
    std::string from = entry.is_new ? "new" : std::string(to_string(entry.state));
    std::string reason = !why.empty() ? why : (entry.is_new ? "added to the pool" : "well again");
    if (entry.state == State::starting && next == State::up) reason = "its slow start is over";
    add_change({entry.member->name(), std::move(from), std::string(to_string(next)), std::move(reason), now});
    entry.since = now;
  }
  entry.is_new = false;
  entry.state = next;
  entry.why = std::move(why);
}

bool Pool::settle_panic(MonotonicTime now) {
  const size_t in_service = count_in_service();
  const auto healthy = static_cast<size_t>(std::count_if(entries_.begin(), entries_.end(), [](const auto& e) {
    return e.second.is_in_service() && e.second.is_healthy();
  }));
  const bool is_panic =
      healthy < in_service &&
      static_cast<double>(healthy) < settings_.panic_threshold * static_cast<double>(in_service);
  if (is_panic == is_panic_) return false;
  is_panic_ = is_panic;
  const std::string count =
      std::to_string(healthy) + " of " + std::to_string(in_service) + " members are healthy";
  if (is_panic) {
    add_change({"", "normal", "panic", "only " + count + ": all take part, whatever their health", now});
  } else {
    add_change({"", "panic", "normal", count, now});
  }
  return true;
}

uint32_t Pool::effective_weight(const Entry& entry, MonotonicTime now) const {
  if (!entry.is_in_service() || (!entry.is_healthy() && !is_panic_)) return 0;
  const int percent =
      entry.started && !is_panic_ ? slow_start_percent(settings_.slow_start, *entry.started, now) : 100;
  // Round robin is without weights; only slow start slows a member there.
  const uint32_t weight = settings_.algorithm == Algorithm::round_robin ? 1 : entry.weight;
  return weight * static_cast<uint32_t>(percent);
}

void Pool::settle_view(MonotonicTime now) {
  std::vector<Candidate> candidates;
  std::vector<std::shared_ptr<Member>> sticky;
  for (const auto& [name, entry] : entries_) {
    const uint32_t weight = effective_weight(entry, now);
    if (weight > 0) candidates.push_back({entry.member, weight});
    if (weight == 0 && entry.state == State::draining && entry.is_healthy()) sticky.push_back(entry.member);
  }
  const bool is_same = candidates == candidates_ && sticky == sticky_ &&
                       views_.get()->is_panic() == is_panic_ && !is_view_stale_;
  if (is_same) return;
  candidates_ = candidates;
  sticky_ = sticky;
  is_view_stale_ = false;
  views_.publish(std::make_shared<View>(settings_.algorithm, settings_.strategy, std::move(candidates),
                                        std::move(sticky), counters_, is_panic_));
}

void Pool::add_change(Change change) {
  if (changes_.size() >= kMostChanges) changes_.erase(changes_.begin(), changes_.begin() + kMostChanges / 10);
  changes_.push_back(std::move(change));
}

std::vector<Change> Pool::take_changes() {
  const std::lock_guard lock(mutex_);
  return std::exchange(changes_, {});
}

bool Pool::is_panic() const {
  const std::lock_guard lock(mutex_);
  return is_panic_;
}

std::vector<MemberStatus> Pool::status() const {
  const std::lock_guard lock(mutex_);
  double sum = 0;
  std::map<const Member*, double> weights;
  for (const Candidate& candidate : candidates_) {
    if (candidate.member->is_ejected() && !is_panic_) continue;
    weights[candidate.member.get()] = candidate.weight;
    sum += candidate.weight;
  }
  std::vector<MemberStatus> out;
  for (const auto& [name, entry] : entries_) {
    MemberStatus status;
    status.member = entry.member;
    status.state = entry.state;
    status.why = entry.why;
    status.since = entry.since;
    if (entry.ejection.is_ejected()) status.ejected_until = entry.ejection.until();
    status.times_ejected = entry.ejection.times();
    status.admin = entry.admin;
    status.weight = entry.weight;
    const auto weight = weights.find(entry.member.get());
    if (weight != weights.end()) status.share = weight->second / sum;
    status.recent = entry.member->recent().summary();
    out.push_back(std::move(status));
  }
  return out;
}

}  // namespace weir::balance
