// How a request changes a keyspace: checked as a whole, then done step by step, each step with its record.

#include <set>

#include "pkg/base/units.hh"
#include "pkg/keyspace/keyspace.hh"
#include "pkg/keyspace/record.hh"

namespace weir::keyspace {

namespace {

template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <typename... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

// What the operations of one request will have granted and written, as far as a check must know.
struct Foreseen {
  std::set<LeaseId> granted;
  std::set<std::string_view> written;
};

}  // namespace

Result<> Keyspace::check(const std::vector<Operation>& operations) const {
  if (operations.size() > limits_.operations) return fail(Errc::limit, "too many operations in one request");
  Foreseen foreseen;
  LeaseId last_granted = 0;
  const auto has_lease = [&](LeaseId id) {
    return foreseen.granted.contains(id) || find_lease(id) != nullptr;
  };
  const auto check_put = [&](const Put& put) -> Result<> {
    if (put.key.empty()) return fail(Errc::invalid, "a key cannot be empty");
    if (put.key.size() > limits_.key_bytes) return fail(Errc::limit, "the key is too long");
    if (put.value.size() > limits_.value_bytes) return fail(Errc::limit, "the value is too long");
    if (!foreseen.written.insert(put.key).second) return fail(Errc::invalid, "a key is written twice");
    const LeaseId lease = put.lease == kGranted ? last_granted : put.lease;
    if (lease != 0 && !has_lease(lease)) return fail(Errc::not_found, "there is no such lease");
    const bool exists = keys_.find(put.key) != nullptr;
    if (!exists && (put.keeps_value || put.keeps_lease)) return fail(Errc::not_found, "there is no such key");
    if (!exists && keys_.size() + foreseen.written.size() > limits_.keys)
      return fail(Errc::limit, "there are too many keys");
    return {};
  };
  const auto check_grant = [&](const Grant& grant) -> Result<> {
    if (grant.id <= 0) return fail(Errc::invalid, "a lease's id is a positive number");
    if (grant.ttl < limits_.shortest_ttl || grant.ttl > limits_.longest_ttl) {
      return fail(Errc::invalid, "a time to live is " + format_duration(limits_.shortest_ttl) + " to " +
                                     format_duration(limits_.longest_ttl));
    }
    if (grant.note.size() > limits_.value_bytes) return fail(Errc::limit, "the note is too long");
    if (has_lease(grant.id)) return fail(Errc::refused, "there is such a lease already");
    if (leases_.size() + foreseen.granted.size() >= limits_.leases)
      return fail(Errc::limit, "there are too many leases");
    foreseen.granted.insert(grant.id);
    last_granted = grant.id;
    return {};
  };
  for (const Operation& operation : operations) {
    const auto checked =
        std::visit(Overloaded{[](const Range&) -> Result<> { return {}; },
                              [](const Erase&) -> Result<> { return {}; }, check_put, check_grant,
                              [&](const Revoke& revoke) -> Result<> {
                                if (!has_lease(revoke.id))
                                  return fail(Errc::not_found, "there is no such lease");
                                return {};
                              }},
                   operation);
    if (!checked) return checked;
  }
  return {};
}

Result<Response> Keyspace::commit(const Request& request, Millis now, std::string& record) {
  record.clear();
  Response response;
  for (const Compare& compare : request.compares) response.held = response.held && holds(compare);
  const auto& operations = response.held ? request.then : request.otherwise;
  const auto checked = check(operations);
  if (!checked) return std::unexpected(checked.error());

  record_ = &record;
  LeaseId granted = 0;
  for (const Operation& operation : operations) {
    Outcome& outcome = response.outcomes.emplace_back();
    std::visit(Overloaded{[&](const Range& query) { outcome = range(query); },
                          [&](const Put& one) {
                            const KeyValuePtr before = find(one.key);
                            if (before != nullptr) outcome.found.push_back(before);
                            put(one.key, one.keeps_value ? before->value : one.value,
                                one.keeps_lease         ? before->lease
                                : one.lease == kGranted ? granted
                                                        : one.lease);
                          },
                          [&](const Erase& one) {
                            outcome = range({.range = one.range});
                            for (const KeyValuePtr& gone : outcome.found) erase(gone->key);
                          },
                          [&](const Grant& one) {
                            grant(one.id, one.ttl, one.ends_with_keys, one.note, now);
                            outcome.lease = granted = one.id;
                          },
                          [&](const Revoke& one) {
                            if (find_lease(one.id) == nullptr) return;  // it ended with its keys just now
                            revoke(one.id);
                            outcome.lease = one.id;
                          }},
               operation);
  }
  record_ = nullptr;
  end_revision();
  response.revision = revision_;
  return response;
}

void Keyspace::put(const std::string& key, std::string value, LeaseId lease) {
  if (record_ != nullptr) RecordWriter(*record_).put(key, value, lease);
  KeyValuePtr& slot = keys_[key];
  const KeyValuePtr before = slot;
  const Revision revision = revision_ + 1;
  slot = std::make_shared<KeyValue>(KeyValue{key, std::move(value), before ? before->created : revision,
                                             revision, before ? before->version + 1 : 1, lease});
  // First the new lease, so that one that ends with its keys does not end when it is the same.
  if (lease != 0) leases_.find(lease)->second.keys.insert(key);
  const KeyValuePtr now = slot;
  if (before && before->lease != 0 && before->lease != lease) detach(before->lease, key);
  announce({now, before});
}

void Keyspace::erase(const std::string& key) {
  const KeyValuePtr* const found = keys_.find(key);
  if (found == nullptr) return;
  if (record_ != nullptr) RecordWriter(*record_).erase(key);
  const KeyValuePtr before = *found;
  keys_.erase(key);
  announce({std::make_shared<KeyValue>(KeyValue{.key = before->key, .modified = revision_ + 1}), before});
  if (before->lease != 0) detach(before->lease, before->key);
}

void Keyspace::detach(LeaseId id, const std::string& key) {
  const auto found = leases_.find(id);
  if (found == leases_.end()) return;
  Lease& lease = found->second;
  lease.keys.erase(key);
  if (!lease.ends_with_keys || !lease.keys.empty()) return;
  ends_.erase(lease.place);
  leases_.erase(found);
}

void Keyspace::grant(LeaseId id, Millis ttl, bool ends_with_keys, std::string note, Millis now) {
  if (record_ != nullptr) RecordWriter(*record_).grant(id, ttl, ends_with_keys, note);
  const auto place = ends_.emplace_hint(ends_.end(), now + ttl, id);  // mostly it is the last
  leases_.emplace(id, Lease{id, ttl, now + ttl, ends_with_keys, std::move(note), {}, place});
}

void Keyspace::revoke(LeaseId id) {
  if (record_ != nullptr) RecordWriter(*record_).revoke(id);
  std::string* const record = std::exchange(record_, nullptr);  // what follows from it is redone with it
  const auto found = leases_.find(id);
  ends_.erase(found->second.place);
  const auto keys = std::move(found->second.keys);
  leases_.erase(found);
  for (const std::string& key : keys) erase(key);
  record_ = record;
}

void Keyspace::announce(Change change) {
  fresh_.push_back(std::move(change));
}

void Keyspace::end_revision() {
  if (fresh_.empty()) return;
  ++revision_;
  const std::vector<Change> changes = std::exchange(fresh_, {});
  for (const Change& change : changes) history_.push_back(change);
  while (history_.size() > limits_.history) {
    // Whole revisions only: who comes late gets all of a change or is told that it is gone.
    forgotten_ = history_.front().now->modified;
    while (!history_.empty() && history_.front().now->modified == forgotten_) history_.pop_front();
  }
  if (listener_) {
    for (const Change& change : changes) listener_(change);
  }
}

}  // namespace weir::keyspace
