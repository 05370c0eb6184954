#include "pkg/keyspace/check.hh"

#include <algorithm>

#include "pkg/base/units.hh"

namespace weir::keyspace {

bool RequestCheck::has_lease(LeaseId id) const {
  return !revoked_.contains(id) && (granted_.contains(id) || keys_.find_lease(id) != nullptr);
}

bool RequestCheck::has_key(const std::string& key) const {
  const KeyValuePtr there = keys_.find(key);
  const auto erases = [&](const KeyRange* range) { return range->contains(key); };
  return there != nullptr && !revoked_.contains(there->lease) && std::ranges::none_of(erased_, erases);
}

Result<> RequestCheck::operator()(const Put& put) {
  if (put.key.empty()) return fail(Errc::invalid, "a key cannot be empty");
  if (put.key.size() > limits_.key_bytes) return fail(Errc::limit, "the key is too long");
  if (put.value.size() > limits_.value_bytes) return fail(Errc::limit, "the value is too long");
  if (!written_.insert(put.key).second) return fail(Errc::invalid, "a key is written twice");
  const LeaseId lease = put.lease == kGranted ? last_granted_ : put.lease;
  if (lease != 0 && !has_lease(lease)) return fail(Errc::not_found, "there is no such lease");
  if ((put.keeps_value || put.keeps_lease) && !has_key(put.key))
    return fail(Errc::not_found, "there is no such key");
  if (keys_.find(put.key) == nullptr && keys_.size() + written_.size() > limits_.keys)
    return fail(Errc::limit, "there are too many keys");
  return {};
}

Result<> RequestCheck::operator()(const Erase& erase) {
  erased_.push_back(&erase.range);
  return {};
}

Result<> RequestCheck::operator()(const Grant& grant) {
  if (grant.id <= 0) return fail(Errc::invalid, "a lease's id is a positive number");
  if (grant.ttl < limits_.shortest_ttl || grant.ttl > limits_.longest_ttl) {
    return fail(Errc::invalid, "a time to live is " + format_duration(limits_.shortest_ttl) + " to " +
                                   format_duration(limits_.longest_ttl));
  }
  if (grant.note.size() > limits_.value_bytes) return fail(Errc::limit, "the note is too long");
  if (granted_.contains(grant.id) || keys_.find_lease(grant.id) != nullptr)
    return fail(Errc::refused, "there is such a lease already");
  if (keys_.leases().size() + granted_.size() >= limits_.leases)
    return fail(Errc::limit, "there are too many leases");
  granted_.insert(grant.id);
  last_granted_ = grant.id;
  return {};
}

Result<> RequestCheck::operator()(const Revoke& revoke) {
  if (!has_lease(revoke.id)) return fail(Errc::not_found, "there is no such lease");
  revoked_.insert(revoke.id);
  return {};
}

}  // namespace weir::keyspace
