// Locks as Redis's clients have them: a key that is there or not, with a value and an end of its own. A claim
// of theirs stands under a lease that is only its own, says so in its note and ends with it; a claim under
// any other lease is a session's, which Redis knows nothing of: it can be looked at here, but not changed.
#pragma once

#include <span>
#include <vector>

#include "cmd/weir-locker/engine.hh"

namespace weir::locker {

class RedisLocks {
 public:
  using Names = std::span<const std::string_view>;

  explicit RedisLocks(Engine& engine) : engine_(engine) {}

  // What the client says of itself, for who asks who holds a lock.
  void set_client(std::string name) { client_ = std::move(name); }

  // The claim that holds the lock, or the first of several; null: it is free.
  const lock::Claimant* holder(std::string_view name) const;
  bool is_held_with(std::string_view name, std::string_view value) const;
  // Its fencing token; nothing when it is free.
  std::optional<keyspace::Revision> token(std::string_view name) const;

  // What is left of the holder's time. Nothing: it has no end.
  std::optional<keyspace::Millis> remaining(const lock::Claimant& holder) const;

  // The following happen as a whole or not at all. Errors: invalid (the time), refused (a session holds one,
  // or others wait for one that would change its holder), limit, unavailable.
  //
  // Takes those that are free, and gives those that are held this value and end.
  Result<> set(Names names, std::string_view value, keyspace::Millis ttl);
  // A new value until the end that it has anyway; the lock is held.
  Result<> set_keeping_end(std::string_view name, std::string_view value);
  // A new end. False: it is free.
  Result<bool> expire(std::string_view name, keyspace::Millis ttl);
  // How many were held.
  Result<size_t> remove(Names names);

 private:
  Result<keyspace::KeyValuePtr> own(std::string_view name, const lock::Claimant& holder) const;
  Result<> put(keyspace::Request& request, std::string_view name, std::string_view value,
               const lock::Claimant* held, keyspace::LeaseId lease) const;
  std::string written_claim(std::string_view value) const;
  Result<> begin(const keyspace::Request& request);

  Engine& engine_;
  std::string client_;
};

}  // namespace weir::locker
