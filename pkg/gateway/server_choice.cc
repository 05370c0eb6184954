#include "pkg/gateway/server_choice.hh"

#include <algorithm>

namespace weir::gateway {

void ServerChoice::reset() {
  permit_.abandon();
  in_flight_ = {};
  server_ = nullptr;
  member_.reset();
  tried_.clear();
}

bool ServerChoice::choose(const balance::View& view, const Upstream& upstream, const Preference& preference,
                          Random& random, MonotonicTime now) {
  in_flight_ = {};
  server_ = nullptr;
  const uint64_t most = upstream.settings.server_max_in_flight;
  const auto usable = [&](balance::Member& member) {
    if (most != 0 && member.in_flight() >= most) return false;
    if (std::ranges::find(tried_, &member) != tried_.end()) return false;
    return member.companion<Server>()->breaker.may_allow(now);
  };
  const balance::Filter filter(usable);
  for (bool all_again = tried_.empty();;) {
    balance::Member* member = preference.sticky.empty() ? nullptr : view.find(preference.sticky);
    if (member != nullptr && !usable(*member)) member = nullptr;
    if (member == nullptr) member = view.pick({random, now, preference.key, filter});
    if (member == nullptr) {
      if (all_again) return false;
      all_again = true;
      tried_.clear();
      continue;
    }
    tried_.push_back(member);
    if (take(*member, upstream, now)) return true;
  }
}

// Another thread may have been faster.
bool ServerChoice::take(balance::Member& member, const Upstream& upstream, MonotonicTime now) {
  const uint64_t most = upstream.settings.server_max_in_flight;
  balance::InFlight in_flight(member);
  if (most != 0 && member.in_flight() > most) return false;
  Server* const server = member.companion<Server>();
  permit_ = server->breaker.allow(now);
  if (!permit_.is_given()) return false;
  in_flight_ = std::move(in_flight);
  member_ = member.shared_from_this();
  server_ = server;
  return true;
}

void ServerChoice::succeeded(const Upstream& upstream, Duration latency, MonotonicTime now) {
  permit_.success(now);
  upstream.state->pool.report_result(*member_, true, latency, now);
}

void ServerChoice::failed(const Upstream& upstream, Duration latency, MonotonicTime now) {
  permit_.failure(now);
  upstream.state->pool.report_result(*member_, false, latency, now);
}

}  // namespace weir::gateway
