#include "cmd/weir-locker/redis_locks.hh"

#include <algorithm>

#include "cmd/weir-locker/wall_time.hh"

namespace weir::locker {

using keyspace::Millis;

namespace {

constexpr const char* kNote = "redis";  // of the leases that this door grants

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
  if (lease != nullptr && lease->note == kNote) return key;
  const std::string& host = holder.claim.holder.host;
  return fail(Errc::refused, "the lock '" + std::string(name) + "' is held by a session" +
                                 (host.empty() ? "" : " of " + host) + ", not by a client of Redis");
}

std::string RedisLocks::written_claim(std::string_view value) const {
  return lock::to_value(
      {.text = std::string(value), .holder = {.host = client_}, .since = wall_time().count()});
}

Result<> RedisLocks::begin(const keyspace::Request& request) {
  const auto begun = engine_.begin(request);
  if (!begun) return std::unexpected(begun.error());
  return {};
}

// Puts a claim where the lock's holder stands, or where nobody does. Another value is another holder, who
// must have a token of its own: so it is another claim then.
Result<> RedisLocks::put(keyspace::Request& request, std::string_view name, std::string_view value,
                         const lock::Claimant* held, keyspace::LeaseId lease) const {
  const bool is_same = held != nullptr && held->claim.text == value;
  if (held != nullptr && !is_same && engine_.locks().find(name)->claimants().size() > 1) {
    return fail(Errc::refused,
                "others wait for the lock '" + std::string(name) + "': its value cannot be changed");
  }
  std::string key = is_same ? held->key : lock::key_of(name, engine_.fresh_lease_id());
  request.then.emplace_back(keyspace::Put{std::move(key), written_claim(value), lease});
  if (held != nullptr && !is_same) request.then.emplace_back(keyspace::Erase{{held->key}});
  return {};
}

Result<> RedisLocks::set(Names names, std::string_view value, Millis ttl) {
  keyspace::Request request;
  request.then.reserve(2 * names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    if (is_repeated(names, i)) continue;
    const lock::Claimant* const held = holder(names[i]);
    if (held != nullptr) {
      const auto owned = own(names[i], *held);
      if (!owned) return std::unexpected(owned.error());
    }
    request.then.emplace_back(keyspace::Grant{engine_.fresh_lease_id(), ttl, true, kNote});
    const auto done = put(request, names[i], value, held, keyspace::kGranted);
    if (!done) return done;
  }
  return begin(request);
}

Result<> RedisLocks::set_keeping_end(std::string_view name, std::string_view value) {
  const lock::Claimant* const held = holder(name);
  const auto owned = own(name, *held);
  if (!owned) return std::unexpected(owned.error());
  keyspace::Request request;
  const auto done = put(request, name, value, held, (*owned)->lease);
  if (!done) return done;
  return begin(request);
}

Result<bool> RedisLocks::expire(std::string_view name, Millis ttl) {
  const lock::Claimant* const held = holder(name);
  if (held == nullptr) return false;
  const auto owned = own(name, *held);
  if (!owned) return std::unexpected(owned.error());
  keyspace::Request request;
  request.then.emplace_back(keyspace::Grant{engine_.fresh_lease_id(), ttl, true, kNote});
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
