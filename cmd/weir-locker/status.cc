// What the lock server has to show on its status page.

#include "cmd/weir-locker/http_json.hh"
#include "cmd/weir-locker/service.hh"
#include "cmd/weir-locker/wall_time.hh"

namespace weir::locker {

namespace {

using Cell = daemon::StatusPage::Cell;
using Tone = daemon::StatusPage::Tone;
using Group = daemon::StatusPage::Group;

constexpr size_t kMostLocks = 200;
constexpr size_t kMostClaimants = 50;  // of one lock

std::string say_holder(const lock::Claim& claim) {
  std::string text = claim.holder.host;
  if (claim.holder.pid != 0) text += (text.empty() ? "pid " : ", pid ") + std::to_string(claim.holder.pid);
  if (!claim.holder.reason.empty()) text += (text.empty() ? "" : ": ") + claim.holder.reason;
  if (text.empty()) text = claim.text.substr(0, 60);
  return text.empty() ? "unknown" : text;
}

std::string say_mode(const lock::Claim& claim) {
  std::string text(to_string(claim.mode));
  if (claim.mode == lock::Mode::semaphore) text += " of " + std::to_string(claim.permits);
  return text;
}

std::string say_since(int64_t since, int64_t now) {
  return since == 0 ? "" : daemon::human_duration(static_cast<double>(now - since) / 1000);
}

Cell state_of(const lock::Claimant& claimant) {
  if (claimant.claim.is_delay) return Cell::state("delay", Tone::warning, "its session has expired");
  return claimant.is_granted ? Cell::state("holds", Tone::good) : Cell::state("waits", Tone::info);
}

Group group_of(const std::string& name, const lock::Queue& queue, const keyspace::Keyspace& keys,
               keyspace::Millis now, int64_t wall) {
  Group group;
  group.name = name;
  const size_t waiters = queue.claimants().size() - queue.granted();
  group.state = say_mode(queue.claimants().begin()->second.claim);
  group.tone = waiters > 0 ? Tone::warning : Tone::good;
  if (waiters > 0) group.detail = std::to_string(waiters) + " waiting";
  for (const auto& [ticket, claimant] : queue.claimants()) {
    if (group.rows.size() == kMostClaimants) break;
    const auto key = keys.find(claimant.key);  // a Redis client's is kept by ever new leases
    const keyspace::Lease* const lease = key ? keys.find_lease(key->lease) : nullptr;
    const double left = lease ? static_cast<double>((lease->ends - now).count()) / 1000 : 0;
    group.rows.push_back({state_of(claimant), Cell(say_holder(claimant.claim)),
                          Cell::number(static_cast<uint64_t>(ticket.token)),
                          Cell(say_since(claimant.since, wall)), Cell(session_text(ticket.lease)),
                          lease ? Cell(daemon::human_duration(std::max(left, 0.0))) : Cell::blank()});
  }
  return group;
}

}  // namespace

void Service::add_status(daemon::StatusPage& page) {
  const keyspace::Millis now = engine_->now();
  const int64_t wall = wall_time().count();
  engine_->inspect([&](const keyspace::Keyspace& keys, const lock::Index& locks) {
    size_t waiters = 0;
    std::vector<Group> groups;
    for (const auto& [name, queue] : locks.queues()) {
      waiters += queue.claimants().size() - queue.granted();
      if (groups.size() < kMostLocks) groups.push_back(group_of(name, queue, keys, now, wall));
    }
    page.figure("Locks held", daemon::with_separators(locks.size()),
                daemon::with_separators(waiters) + " waiting");
    page.figure("Grants", daemon::human_rate(grant_rate_.rate()),
                daemon::with_separators(metrics_.granted()) + " in all", grant_rate_.points());
    page.figure("Lost", daemon::with_separators(metrics_.lost()), "expired or forced");
    page.figure("Sessions", daemon::with_separators(keys.leases().size()));
    page.figure("Last token", daemon::with_separators(static_cast<uint64_t>(keys.revision())),
                engine_->journal() != nullptr ? "kept in the journal" : "in memory only");
    page.groups(locks.size() > kMostLocks ? "The first 200 locks" : "Locks",
                {"State", "Who", "Token", "Since", "Session", "Time left"}, groups);
  });
}

}  // namespace weir::locker
