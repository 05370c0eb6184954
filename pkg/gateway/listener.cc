#include "pkg/gateway/listener.hh"

#include <algorithm>

namespace weir::gateway {
namespace {

bool contains(const std::vector<Cidr>& ranges, const IpAddress& address) {
  return std::ranges::any_of(ranges, [&](const Cidr& range) { return range.contains(address); });
}

}  // namespace

std::string_view to_string(Listener::Refusal refusal) {
  switch (refusal) {
    case Listener::Refusal::none:
      return "none";
    case Listener::Refusal::denied:
      return "denied";
    case Listener::Refusal::rate:
      return "rate";
    case Listener::Refusal::full:
      return "full";
  }
  return "none";
}

Listener::Refusal Listener::admit(const Peer& peer, limit::Time now) const {
  const uint64_t most = settings.max_connections;
  if (most != 0 && state->connections.load(std::memory_order_relaxed) > most) return Refusal::full;
  if (!peer.has_address) return Refusal::none;
  const bool is_allowed = settings.allow.empty() || contains(settings.allow, peer.address);
  if (!is_allowed || contains(settings.deny, peer.address)) return Refusal::denied;
  if (!rate) return Refusal::none;
  constexpr unsigned kNetworkOfIpv6 = 64;
  const IpAddress client = peer.address.is_v4() ? peer.address : peer.address.masked(kNetworkOfIpv6);
  limit::KeyBuilder key(*rate);
  key.add({reinterpret_cast<const char*>(client.bytes().data()), client.bytes().size()});
  return rate->decide(key.finish(), now).allowed ? Refusal::none : Refusal::rate;
}

const Destination* Listener::find(std::string_view server_name) const {
  if (const auto exact = by_name.find(server_name); exact != by_name.end()) return &exact->second;
  for (size_t dot = server_name.find('.'); dot != std::string_view::npos;
       dot = server_name.find('.', dot + 1)) {
    if (const auto wide = by_name.find(server_name.substr(dot)); wide != by_name.end()) return &wide->second;
  }
  return destination.is_set() ? &destination : nullptr;
}

}  // namespace weir::gateway
