// How a request changes a keyspace: checked as a whole, then done step by step, each step with its record.

#include "pkg/keyspace/check.hh"
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

}  // namespace

Result<> Keyspace::check(const std::vector<Operation>& operations) const {
  if (operations.size() > limits_.operations) return fail(Errc::limit, "too many operations in one request");
  RequestCheck check(*this, limits_);
  for (const Operation& operation : operations) {
    const auto checked = std::visit(check, operation);
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
  response.outcomes.reserve(operations.size());
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
                            for_each(one.range,
                                     [&](const KeyValuePtr& key) { outcome.found.push_back(key); });
                            outcome.count = outcome.found.size();
                            for (const KeyValuePtr& gone : outcome.found) erase(gone->key);
                          },
                          [&](const Grant& one) {
                            grant(one.id, one.ttl, one.ends_with_keys, one.note, now);
                            outcome.lease = granted = one.id;
                          },
                          [&](const Revoke& one) {
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
  found->second.keys.erase(key);
  if (found->second.ends_with_keys && found->second.keys.empty()) emptied_.push_back(id);
}

// A lease that ends with its keys does so when the request has: it may have got others in the meantime.
void Keyspace::end_emptied() {
  for (const LeaseId id : emptied_) {
    const auto found = leases_.find(id);
    if (found == leases_.end() || !found->second.keys.empty()) continue;
    ends_.erase(found->second.place);
    leases_.erase(found);
  }
  emptied_.clear();
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
  end_emptied();
  if (fresh_.empty()) return;
  ++revision_;
  for (const Change& change : fresh_) history_.push_back(change);
  while (history_.size() > limits_.history) {
    // Whole revisions only: who comes late gets all of a change or is told that it is gone.
    forgotten_ = history_.front().now->modified;
    while (!history_.empty() && history_.front().now->modified == forgotten_) history_.pop_front();
  }
  if (listener_) {
    for (const Change& change : fresh_) listener_(change);
  }
  fresh_.clear();
}

}  // namespace weir::keyspace
