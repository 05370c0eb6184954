#include "cmd/weir-locker/redis_locks.hh"

#include <algorithm>

namespace weir::locker {

using keyspace::Millis;

namespace {

bool is_repeated(RedisLocks::Names names, size_t i) {
  return std::find(names.begin(), names.begin() + static_cast<ptrdiff_t>(i), names[i]) !=
         names.begin() + static_cast<ptrdiff_t>(i);
}

}  // namespace

const lock::Claimant* RedisLocks::holder(std::string_view name) const {
  const lock::Queue* const queue = engine_.locks().find(name);
  return queue == nullptr || queue->is_empty() ? nullptr : &queue->claimants().begin()->second;
}

bool RedisLocks::is_held_with(std::string_view name, std::string_view value) const {
  const lock::Claimant* const claimant = holder(name);
  return claimant != nullptr && claimant->claim.text == value;
}

std::optional<keyspace::Revision> RedisLocks::token(std::string_view name) const {
  const lock::Queue* const queue = engine_.locks().find(name);
  if (queue == nullptr || queue->is_empty()) return std::nullopt;
  return queue->claimants().begin()->first.token;
}

std::optional<Millis> RedisLocks::remaining(const lock::Claimant& holder) const {
  const auto key = engine_.keys().find(holder.key);
  const keyspace::Lease* const lease = engine_.keys().find_lease(key->lease);
  if (lease == nullptr) return std::nullopt;
  return std::max(Millis{0}, lease->ends - engine_.now());
}

// The key of a claim of this door's.
Result<keyspace::KeyValuePtr> RedisLocks::own(std::string_view name, const lock::Claimant& holder) const {
  auto key = engine_.keys().find(holder.key);
  const keyspace::Lease* const lease = engine_.keys().find_lease(key->lease);
  if (lease != nullptr && lease->ends_with_keys && !holder.claim.is_delay) return key;
  const std::string& host = holder.claim.host;
  return fail(Errc::refused, "the lock '" + std::string(name) + "' is held by a session" +
                                 (host.empty() ? "" : " of " + host) + ", not by a client of Redis");
}

Result<> RedisLocks::begin(const keyspace::Request& request) {
  const auto begun = engine_.begin(request);
  if (!begun) return std::unexpected(begun.error());
  return {};
}

Result<> RedisLocks::set(Names names, std::string_view value, Millis ttl) {
  const lock::Claim claim{.text = std::string(value), .host = client_};
  const std::string written = to_value(claim);
  keyspace::Request request;
  request.then.reserve(2 * names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    if (is_repeated(names, i)) continue;
    const keyspace::LeaseId lease = engine_.fresh_lease_id();
    std::string key = lock::key_of(names[i], lease);
    if (const lock::Claimant* const held = holder(names[i])) {
      const auto owned = own(names[i], *held);
      if (!owned) return std::unexpected(owned.error());
      key = held->key;
    }
    request.then.emplace_back(keyspace::Grant{lease, ttl, true});
    request.then.emplace_back(keyspace::Put{std::move(key), written, keyspace::kGranted});
  }
  return begin(request);
}

Result<> RedisLocks::set_keeping_end(std::string_view name, std::string_view value) {
  const auto owned = own(name, *holder(name));
  if (!owned) return std::unexpected(owned.error());
  const lock::Claim claim{.text = std::string(value), .host = client_};
  keyspace::Request request;
  request.then.emplace_back(
      keyspace::Put{.key = (*owned)->key, .value = to_value(claim), .keeps_lease = true});
  return begin(request);
}

Result<bool> RedisLocks::expire(std::string_view name, Millis ttl) {
  const lock::Claimant* const held = holder(name);
  if (held == nullptr) return false;
  const auto owned = own(name, *held);
  if (!owned) return std::unexpected(owned.error());
  keyspace::Request request;
  request.then.emplace_back(keyspace::Grant{engine_.fresh_lease_id(), ttl, true});
  request.then.emplace_back(
      keyspace::Put{.key = (*owned)->key, .value = {}, .lease = keyspace::kGranted, .keeps_value = true});
  const auto begun = begin(request);
  if (!begun) return std::unexpected(begun.error());
  return true;
}

Result<size_t> RedisLocks::remove(Names names) {
  keyspace::Request request;
  for (size_t i = 0; i < names.size(); ++i) {
    const lock::Claimant* const held = holder(names[i]);
    if (held == nullptr || is_repeated(names, i)) continue;
    const auto owned = own(names[i], *held);
    if (!owned) return std::unexpected(owned.error());
    request.then.emplace_back(keyspace::Erase{{held->key}});
  }
  if (request.then.empty()) return 0;
  const auto begun = begin(request);
  if (!begun) return std::unexpected(begun.error());
  return request.then.size();
}

}  // namespace weir::locker
