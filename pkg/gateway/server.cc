#include "pkg/gateway/server.hh"

namespace weir::gateway {

Server::Server(uint64_t id, std::string name, const Address& address, resilience::BreakerSettings settings)
    : breaker(settings),
      tls_sessions(std::make_shared<aio::TlsSessions>()),
      id_(id),
      name_(std::move(name)),
      address_(address) {}

std::optional<Address> Server::next_address() {
  if (!needs_resolving()) return address_;
  const std::lock_guard lock(mutex_);
  if (resolved_.empty()) return std::nullopt;
  return resolved_[turn_++ % resolved_.size()];
}

std::optional<Address> Server::first_address() const {
  if (!needs_resolving()) return address_;
  const std::lock_guard lock(mutex_);
  if (resolved_.empty()) return std::nullopt;
  return resolved_.front();
}

void Server::set_addresses(std::vector<Address> addresses) {
  const std::lock_guard lock(mutex_);
  resolved_ = std::move(addresses);
}

size_t Server::address_count() const {
  const std::lock_guard lock(mutex_);
  return resolved_.size();
}

}  // namespace weir::gateway
