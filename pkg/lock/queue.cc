#include "pkg/lock/queue.hh"

#include <algorithm>

namespace weir::lock {

const Claimant* Queue::find(Ticket ticket) const {
  const auto found = claimants_.find(ticket);
  return found == claimants_.end() ? nullptr : &found->second;
}

const Claimant* Queue::find_token(Revision token) const {
  const auto found = claimants_.lower_bound({token, 0});
  return found == claimants_.end() || found->first.token != token ? nullptr : &found->second;
}

void Queue::put(Ticket ticket, Claimant claimant) {
  const auto [place, is_new] = claimants_.try_emplace(ticket, std::move(claimant));
  if (is_new) return;
  claimant.is_granted = place->second.is_granted;
  claimant.since = place->second.since;
  place->second = std::move(claimant);
}

std::optional<Claimant> Queue::remove(Ticket ticket) {
  auto gone = claimants_.extract(ticket);
  if (gone.empty()) return std::nullopt;
  if (gone.mapped().is_granted) --granted_;
  return std::move(gone.mapped());
}

// Those that hold it are the first ones, and of one mode.
bool Queue::admits(const Claim& claim) const {
  if (granted_ == 0) return true;
  const Claim& first = claimants_.begin()->second.claim;
  if (first.mode != claim.mode) return false;
  switch (claim.mode) {
    case Mode::exclusive:
      return false;
    case Mode::shared:
      return true;
    case Mode::semaphore:
      return granted_ < std::min(first.permits, claim.permits);
  }
  return false;
}

std::vector<Ticket> Queue::grant(int64_t since) {
  std::vector<Ticket> fresh;
  auto next = claimants_.begin();
  std::advance(next, granted_);
  for (; next != claimants_.end() && admits(next->second.claim); ++next) {
    next->second.is_granted = true;
    if (since != 0) next->second.since = since;
    ++granted_;
    fresh.push_back(next->first);
  }
  return fresh;
}

}  // namespace weir::lock
