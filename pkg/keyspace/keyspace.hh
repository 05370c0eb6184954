// Keys with revisions, and leases that end them, by the rules of etcd's version 3 API: each request that
// changes something gets the next revision, and a lease that ends takes its keys along.
//
// A state machine without clock, disk or network. Its time is any clock's that does not jump, in
// milliseconds; what a request has changed is handed out as a record that redo() carries out again after a
// restart. Leases then start anew: who could not be heard for want of a server is not taken for dead.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pkg/base/name_table.hh"
#include "pkg/base/result.hh"
#include "pkg/keyspace/request.hh"

namespace weir::keyspace {

struct Limits {
  size_t keys = 1'000'000;
  size_t leases = 1'000'000;
  size_t key_bytes = 1024;
  size_t value_bytes = 64 * 1024;
  size_t operations = 128;  // of one request
  size_t history = 10'000;  // changes of keys that a watcher may come late for
  Millis shortest_ttl{10};
  Millis longest_ttl = std::chrono::days(30);
};

using Ends = std::multimap<Millis, LeaseId>;

struct Lease {
  LeaseId id = 0;
  Millis ttl{0};
  Millis ends{0};  // in the caller's time, unless it is kept alive
  bool ends_with_keys = false;
  std::string note;
  std::set<std::string, std::less<>> keys;
  Ends::iterator place = {};  // where it stands among the keyspace's ends
};

// A key has a new version, or none.
struct Change {
  KeyValuePtr now;     // version 0: erased
  KeyValuePtr before;  // null: there was none
};

class Keyspace {
 public:
  explicit Keyspace(Limits limits = {}) : limits_(limits) {}
  Keyspace(const Keyspace&) = delete;
  Keyspace& operator=(const Keyspace&) = delete;

  // Errors: invalid (of the request), not_found (a lease that is not there), refused (a lease id that is
  // taken), limit; nothing has then happened. `record` becomes what redo() is to be given: it must be durable
  // before anyone is told of the response. Empty: nothing has changed.
  Result<Response> commit(const Request& request, Millis now, std::string& record);

  // In the order in which the records were made. Errors: invalid (not such a record).
  Result<> redo(std::string_view record, Millis now);
  // All that there is, for restore() of a fresh keyspace; without the history.
  std::string snapshot() const;
  Result<> restore(std::string_view snapshot, Millis now);

  // Starts the lease's time again. False: there is no such lease.
  bool keep_alive(LeaseId id, Millis now);
  // When the next lease ends.
  std::optional<Millis> next_end() const;
  // Those that have ended by `now`, longest ago first; they stay until they are revoked.
  std::vector<LeaseId> ended(Millis now) const;

  Revision revision() const { return revision_; }
  KeyValuePtr find(std::string_view key) const;  // null: not there
  const Lease* find_lease(LeaseId id) const;
  Outcome range(const Range& query) const;
  const std::unordered_map<LeaseId, Lease>& leases() const { return leases_; }
  size_t size() const { return keys_.size(); }

  // Is called with each change, in order, after the request that made it.
  void on_change(std::function<void(const Change&)> listener) { listener_ = std::move(listener); }
  // The changes from `from` on are those from history() [first_after(from)] on; none when they are not all
  // kept any more.
  const std::deque<Change>& history() const { return history_; }
  std::optional<size_t> first_after(Revision from) const;
  Revision forgotten() const { return forgotten_; }  // up to and with this revision changes are not kept

 private:
  using Keys = NameTable<KeyValuePtr>;

  bool holds(const Compare& compare) const;
  Result<> check(const std::vector<Operation>& operations) const;
  std::pair<Keys::Ordered::const_iterator, Keys::Ordered::const_iterator> bounds(const KeyRange& range) const;
  template <typename Visit>
  void for_each(const KeyRange& range, Visit visit) const {
    if (range.is_single()) {
      if (const KeyValuePtr* const found = keys_.find(range.key)) visit(*found);
      return;
    }
    const auto [begin, end] = bounds(range);
    for (auto at = begin; at != end; ++at) visit(at->second);
  }

  // The steps that change anything; each writes what redoes it.
  void put(const std::string& key, std::string value, LeaseId lease);
  void erase(const std::string& key);
  void grant(LeaseId id, Millis ttl, bool ends_with_keys, std::string note, Millis now);
  void revoke(LeaseId id);
  void detach(LeaseId lease, const std::string& key);
  void end_emptied();
  void announce(Change change);
  void end_revision();

  Limits limits_;
  // Of an empty keyspace, as etcd has it: its clients ask for what was created before the first claim, and
  // there a bound of 0 would be none.
  Revision revision_ = 1;
  Revision forgotten_ = 0;
  Keys keys_;
  std::unordered_map<LeaseId, Lease> leases_;
  Ends ends_;
  std::deque<Change> history_;
  std::vector<LeaseId> emptied_;  // as may end with their keys
  std::vector<Change> fresh_;     // of the request that is being carried out
  std::string* record_ = nullptr;
  std::function<void(const Change&)> listener_;
};

}  // namespace weir::keyspace
