#include "pkg/keyspace/keyspace.hh"

#include <algorithm>

#include "pkg/keyspace/record.hh"

namespace weir::keyspace {

namespace {

template <typename T>
bool relates(const T& left, Compare::Relation relation, const T& right) {
  switch (relation) {
    case Compare::Relation::equal:
      return left == right;
    case Compare::Relation::greater:
      return left > right;
    case Compare::Relation::less:
      return left < right;
    case Compare::Relation::not_equal:
      return left != right;
  }
  return false;
}

bool holds_for(const Compare& compare, const KeyValue& key) {
  switch (compare.target) {
    case Compare::Target::version:
      return relates(key.version, compare.relation, compare.number);
    case Compare::Target::created:
      return relates(key.created, compare.relation, compare.number);
    case Compare::Target::modified:
      return relates(key.modified, compare.relation, compare.number);
    case Compare::Target::lease:
      return relates(key.lease, compare.relation, compare.number);
    case Compare::Target::value:
      return relates(key.value, compare.relation, compare.text);
  }
  return false;
}

bool passes(const Range& query, const KeyValue& key) {
  return key.created >= query.least_created && key.modified >= query.least_modified &&
         (query.most_created == 0 || key.created <= query.most_created) &&
         (query.most_modified == 0 || key.modified <= query.most_modified);
}

bool comes_before(Range::SortBy by, const KeyValue& left, const KeyValue& right) {
  switch (by) {
    case Range::SortBy::key:
      return left.key < right.key;
    case Range::SortBy::version:
      return left.version < right.version;
    case Range::SortBy::created:
      return left.created < right.created;
    case Range::SortBy::modified:
      return left.modified < right.modified;
    case Range::SortBy::value:
      return left.value < right.value;
  }
  return false;
}

void sort(std::vector<KeyValuePtr>& found, const Range& query) {
  if (query.sort_by != Range::SortBy::key) {
    std::ranges::stable_sort(found, [&](const KeyValuePtr& left, const KeyValuePtr& right) {
      return comes_before(query.sort_by, *left, *right);
    });
  }
  if (query.is_descending) std::ranges::reverse(found);
}

}  // namespace

KeyValuePtr Keyspace::find(std::string_view key) const {
  const KeyValuePtr* const found = keys_.find(key);
  return found == nullptr ? nullptr : *found;
}

const Lease* Keyspace::find_lease(LeaseId id) const {
  const auto found = leases_.find(id);
  return found == leases_.end() ? nullptr : &found->second;
}

std::pair<Keyspace::Keys::Ordered::const_iterator, Keyspace::Keys::Ordered::const_iterator> Keyspace::bounds(
    const KeyRange& range) const {
  const Keys::Ordered& keys = keys_.ordered();
  const auto begin = keys.lower_bound(range.key);
  if (range.is_open_ended()) return {begin, keys.end()};
  if (range.end <= range.key) return {begin, begin};
  return {begin, keys.lower_bound(range.end)};
}

Outcome Keyspace::range(const Range& query) const {
  Outcome outcome;
  for_each(query.range, [&](const KeyValuePtr& key) {
    if (!passes(query, *key)) return;
    ++outcome.count;
    if (!query.counts_only) outcome.found.push_back(key);
  });
  sort(outcome.found, query);
  if (query.limit > 0 && outcome.found.size() > query.limit) outcome.found.resize(query.limit);
  return outcome;
}

bool Keyspace::holds(const Compare& compare) const {
  bool is_empty = true;
  bool holds = true;
  for_each(compare.range, [&](const KeyValuePtr& key) {
    is_empty = false;
    holds = holds && holds_for(compare, *key);
  });
  // An absent key has no value that could be compared, but its numbers are 0.
  if (is_empty) return compare.target != Compare::Target::value && holds_for(compare, KeyValue{});
  return holds;
}

std::optional<size_t> Keyspace::first_after(Revision from) const {
  if (from <= forgotten_) return std::nullopt;
  const auto first =
      std::ranges::lower_bound(history_, from, {}, [](const Change& change) { return change.now->modified; });
  return static_cast<size_t>(first - history_.begin());
}

bool Keyspace::keep_alive(LeaseId id, Millis now) {
  const auto found = leases_.find(id);
  if (found == leases_.end()) return false;
  Lease& lease = found->second;
  ends_.erase(lease.place);
  lease.ends = now + lease.ttl;
  lease.place = ends_.emplace(lease.ends, id);
  return true;
}

std::optional<Millis> Keyspace::next_end() const {
  if (ends_.empty()) return std::nullopt;
  return ends_.begin()->first;
}

std::vector<LeaseId> Keyspace::ended(Millis now) const {
  std::vector<LeaseId> found;
  for (const auto& [end, id] : ends_) {
    if (end > now) break;
    found.push_back(id);
  }
  return found;
}

}  // namespace weir::keyspace
