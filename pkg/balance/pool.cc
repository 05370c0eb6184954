// What changes a pool: operators, configs, results. See pool_settle.cc for what follows from it.

#include "pkg/balance/pool.hh"

#include <algorithm>
#include <set>

namespace weir::balance {
namespace {

Result<> check(const MemberConfig& config) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (config.name.empty() || std::any_of(config.name.begin(), config.name.end(), is_control))
    return fail(Errc::invalid, "a member's name must not be empty or hold control characters");
  if (config.weight > kMostWeight) {
    return fail(Errc::invalid, "the weight " + std::to_string(config.weight) + " of " + config.name +
                                   " is above " + std::to_string(kMostWeight));
  }
  return {};
}

std::unexpected<Error> fail_not_found(std::string_view member, std::string_view pool) {
  return fail(Errc::not_found,
              "no member \"" + std::string(member) + "\" in pool \"" + std::string(pool) + "\"");
}

}  // namespace

Pool::Pool(std::string name, PoolSettings settings)
    : name_(std::move(name)),
      consecutive_errors_(settings.outlier.consecutive_errors),
      ewma_decay_(settings.strategy.ewma_decay.count()),
      views_(std::make_shared<View>(settings.algorithm, settings.strategy, std::vector<Candidate>{},
                                    std::vector<std::shared_ptr<Member>>{}, counters_, false)),
      settings_(settings) {}

uint64_t Pool::in_flight() const {
  return static_cast<uint64_t>(std::max<int64_t>(0, counters_->in_flight.load(std::memory_order_relaxed)));
}

void Pool::report_result(Member& member, bool ok, Duration latency, MonotonicTime now) {
  const Duration decay{ewma_decay_.load(std::memory_order_relaxed)};
  const uint64_t failures = member.record(ok, latency, now, decay);
  const uint32_t limit = consecutive_errors_.load(std::memory_order_relaxed);
  // Asked again after as many failures more, where the cap on ejected members left it in.
  if (ok || limit == 0 || failures % limit != 0 || member.is_ejected()) return;
  // Where the lock is taken, evaluate() sees the failures soon enough.
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return;
  const auto at = entries_.find(member.name());
  if (at == entries_.end() || at->second.member.get() != &member) return;
  if (!try_eject(at->second, describe_errors_in_row(failures), now)) return;
  // But for panic the view stays as it is, for to build one may take milliseconds: picks pass over the member
  // by its mark.
  settle_state(at->second, now);
  if (settle_panic(now)) settle_view(now);
  mark_ejected(at->second);
}

void Pool::report_check(std::string_view member, bool ok, std::string_view note, MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  const auto at = entries_.find(member);
  if (at == entries_.end()) return;
  Entry& entry = at->second;
  const auto transition = entry.health.report(ok, settings_.active);
  if (!ok) entry.check_note = note;
  if (transition != ActiveHealth::Transition::none) settle(now);
}

Result<> Pool::add(MemberConfig config, MonotonicTime now) {
  if (auto checked = check(config); !checked) return checked;
  const std::lock_guard lock(mutex_);
  if (entries_.contains(config.name))
    return fail(Errc::invalid, "\"" + config.name + "\" is already in pool \"" + name_ + "\"");
  if (entries_.size() >= kMostMembers)
    return fail(Errc::limit, "pool \"" + name_ + "\" has its most members already");
  insert(config, now);
  settle(now);
  return {};
}

Pool::Entry Pool::make_entry(const MemberConfig& config) const {
  Entry entry;
  entry.member = std::make_shared<Member>(config.name, counters_, config.companion);
  entry.admin = entry.configured_admin = config.admin;
  entry.weight = entry.configured_weight = config.weight;
  entry.health = ActiveHealth(settings_.active);
  return entry;
}

void Pool::insert(const MemberConfig& config, MonotonicTime now) {
  // Among members that all are new nobody need start slowly.
  const bool is_first = std::all_of(entries_.begin(), entries_.end(), [&](const auto& named) {
    return named.second.is_new || !named.second.is_in_service();
  });
  Entry& entry = entries_.emplace(config.name, make_entry(config)).first->second;
  if (!is_first) entry.started = now;
  const auto remembered = remembered_.find(config.name);
  if (remembered == remembered_.end()) return;
  restore(entry, remembered->second, now);
  remembered_.erase(remembered);
}

Result<> Pool::remove(std::string_view member, MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  const auto at = entries_.find(member);
  if (at == entries_.end()) return fail_not_found(member, name_);
  drop(at, now);
  settle(now);
  return {};
}

void Pool::drop(Entries::iterator at, MonotonicTime now) {
  add_change({at->first, std::string(to_string(at->second.state)), "removed", "taken out of the pool", now});
  entries_.erase(at);
}

Result<> Pool::set_weight(std::string_view member, uint32_t weight, MonotonicTime now) {
  if (auto checked = check({.name = std::string(member), .weight = weight}); !checked) return checked;
  const std::lock_guard lock(mutex_);
  const auto at = entries_.find(member);
  if (at == entries_.end()) return fail_not_found(member, name_);
  at->second.weight = weight;
  settle(now);
  return {};
}

Result<> Pool::set_admin(std::string_view member, Admin admin, MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  const auto at = entries_.find(member);
  if (at == entries_.end()) return fail_not_found(member, name_);
  at->second.admin = admin;
  settle(now);
  return {};
}

Result<> Pool::drain(std::string_view member, MonotonicTime now) {
  return set_admin(member, Admin::draining, now);
}

Result<> Pool::disable(std::string_view member, MonotonicTime now) {
  return set_admin(member, Admin::disabled, now);
}

Result<> Pool::enable(std::string_view member, MonotonicTime now) {
  return set_admin(member, Admin::in_service, now);
}

Result<> Pool::set_members(std::vector<MemberConfig> list, MonotonicTime now) {
  std::set<std::string_view> names;
  for (const MemberConfig& config : list) {
    if (auto checked = check(config); !checked) return checked;
    if (!names.insert(config.name).second)
      return fail(Errc::invalid, "\"" + config.name + "\" is twice in pool \"" + name_ + "\"");
  }
  if (list.size() > kMostMembers)
    return fail(Errc::limit,
                "more than " + std::to_string(kMostMembers) + " members for pool \"" + name_ + "\"");
  const std::lock_guard lock(mutex_);
  for (auto at = entries_.begin(); at != entries_.end();) {
    const auto here = at++;
    if (!names.contains(here->first)) drop(here, now);
  }
  for (const MemberConfig& config : list) {
    const auto at = entries_.find(config.name);
    if (at == entries_.end()) {
      insert(config, now);
      continue;
    }
    Entry& entry = at->second;
    if (entry.configured_admin != config.admin) entry.admin = entry.configured_admin = config.admin;
    if (entry.configured_weight != config.weight) entry.weight = entry.configured_weight = config.weight;
  }
  settle(now);
  return {};
}

void Pool::set_settings(PoolSettings settings, MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  settings_ = settings;
  consecutive_errors_.store(settings.outlier.consecutive_errors, std::memory_order_relaxed);
  ewma_decay_.store(settings.strategy.ewma_decay.count(), std::memory_order_relaxed);
  is_view_stale_ = true;
  settle(now);
}

PoolState Pool::export_state(MonotonicTime now) const {
  const std::lock_guard lock(mutex_);
  PoolState out;
  for (const auto& [name, entry] : entries_) {
    MemberState state;
    state.name = name;
    state.admin = entry.admin;
    state.configured_admin = entry.configured_admin;
    state.weight = entry.weight;
    state.configured_weight = entry.configured_weight;
    state.is_up = entry.health.is_up();
    state.checks_in_row = entry.health.in_row();
    state.check_note = entry.check_note;
    // At least a moment, so that one whose time is just over ends as others do.
    if (entry.ejection.is_ejected()) state.ejected_for = std::max(Duration{1}, entry.ejection.until() - now);
    state.times_ejected = entry.ejection.times();
    state.ejection_note = entry.ejection_note;
    if (entry.started) state.started = std::max(Duration{0}, now - *entry.started);
    const double latency = entry.member->latency().at(now, settings_.strategy.ewma_decay);
    state.latency = Duration{static_cast<int64_t>(latency)};
    state.requests = entry.member->requests();
    state.failures = entry.member->failures();
    state.failures_in_row = entry.member->failures_in_row();
    out.members.push_back(std::move(state));
  }
  for (const auto& [name, state] : remembered_) out.members.push_back(state);
  return out;
}

void Pool::import_state(PoolState state, MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  for (MemberState& member : state.members) {
    const auto at = entries_.find(member.name);
    if (at != entries_.end()) {
      restore(at->second, member, now);
    } else if (remembered_.size() < kMostMembers) {
      remembered_.insert_or_assign(member.name, std::move(member));
    }
  }
  settle(now);
}

void Pool::restore(Entry& entry, const MemberState& state, MonotonicTime now) const {
  if (entry.configured_admin == state.configured_admin) entry.admin = state.admin;
  if (entry.configured_weight == state.configured_weight) entry.weight = std::min(state.weight, kMostWeight);
  entry.health = ActiveHealth(state.is_up, state.checks_in_row);
  entry.check_note = state.check_note;
  entry.ejection = Ejection(state.times_ejected, state.ejected_for, now);
  entry.ejection_note = state.ejection_note;
  entry.started.reset();
  if (state.started) entry.started = now - *state.started;
  Member& member = *entry.member;
  member.latency_.restore(state.latency, now);
  member.requests_.store(state.requests, std::memory_order_relaxed);
  member.failures_.store(state.failures, std::memory_order_relaxed);
  member.failures_in_row_.store(state.failures_in_row, std::memory_order_relaxed);
}

}  // namespace weir::balance
