// One server as all workers share it: the companion of a member of its upstream's pool.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "pkg/aio/tls.hh"
#include "pkg/base/address.hh"
#include "pkg/resilience/circuit_breaker.hh"

namespace weir::gateway {

class Server {
 public:
  // `name` is what its pool knows it by.
  Server(uint64_t id, std::string name, const Address& address, resilience::BreakerSettings settings);

  uint64_t id() const { return id_; }  // never used again: what workers know their connections by
  const std::string& name() const { return name_; }
  const Address& address() const { return address_; }
  bool needs_resolving() const { return address_.kind == Address::Kind::name; }

  // Where to connect to, in turn where a name has several addresses; nothing while it has not resolved.
  std::optional<Address> next_address();
  // The same address each time, as long as it is one of the server's.
  std::optional<Address> first_address() const;
  void set_addresses(std::vector<Address> addresses);
  size_t address_count() const;

  resilience::CircuitBreaker breaker;
  const std::shared_ptr<aio::TlsSessions> tls_sessions;

 private:
  const uint64_t id_;
  const std::string name_;
  const Address address_;
  mutable std::mutex mutex_;  // for names only, whose addresses change
  std::vector<Address> resolved_;
  size_t turn_ = 0;
};

}  // namespace weir::gateway
