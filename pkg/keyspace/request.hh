// What a keyspace can be asked, as data: so that the same request can be carried out here or sent to etcd,
// whose transaction (etcdserverpb.TxnRequest) it is a part of. All of a request happens or nothing of it, as
// one change.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace weir::keyspace {

using Revision = int64_t;  // of changes from 2 on; 1: nothing has happened yet; 0 is before everything
using LeaseId = int64_t;   // 0: none
using Millis = std::chrono::milliseconds;

// One version of a key; immutable, for history and map share it.
struct KeyValue {
  std::string key;
  std::string value = {};
  Revision created = 0;   // of the version 1 since which the key has been there without a break
  Revision modified = 0;  // of this version
  int64_t version = 0;    // 0: erased, and `modified` says when
  LeaseId lease = 0;
};
using KeyValuePtr = std::shared_ptr<const KeyValue>;

// `key` alone; or, with an `end`, all keys from `key` up to but without `end`, where "\0" is the end of all.
struct KeyRange {
  std::string key;
  std::string end = {};

  bool is_single() const { return end.empty(); }
  bool is_open_ended() const { return end.size() == 1 && end[0] == '\0'; }
  bool contains(std::string_view other) const;
};
// All keys that begin with `prefix`.
KeyRange range_of_prefix(std::string prefix);

// True of a range when it is true of each key in it; an absent key is compared as one whose numbers are 0.
struct Compare {
  enum class Target { version, created, modified, value, lease };
  enum class Relation { equal, greater, less, not_equal };

  KeyRange range;
  Target target = Target::version;
  Relation relation = Relation::equal;
  int64_t number = 0;     // for all but value
  std::string text = {};  // for value
};

struct Range {
  enum class SortBy { key, version, created, modified, value };
  KeyRange range;
  SortBy sort_by = SortBy::key;
  bool is_descending = false;
  uint64_t limit = 0;  // 0: none
  Revision least_created = 0;
  Revision most_created = 0;  // 0: none, as below
  Revision least_modified = 0;
  Revision most_modified = 0;
  bool counts_only = false;
};

struct Put {
  std::string key;
  std::string value;
  LeaseId lease = 0;  // kGranted: the one that this request grants
  bool keeps_value = false;
  bool keeps_lease = false;
};

struct Erase {
  KeyRange range;
};

struct Grant {
  LeaseId id = 0;  // above 0, and nobody's: best a random one
  Millis ttl{0};
  bool ends_with_keys = false;  // no key of it left: it ends by itself
  std::string note = {};        // about who holds it
};
constexpr LeaseId kGranted = -1;  // the lease that the same request has granted last

struct Revoke {
  LeaseId id = 0;
};

using Operation = std::variant<Range, Put, Erase, Grant, Revoke>;

struct Request {
  std::vector<Compare> compares = {};
  std::vector<Operation> then = {};  // when all of them hold
  std::vector<Operation> otherwise = {};
};

// What one operation found or did.
struct Outcome {
  std::vector<KeyValuePtr> found = {};  // Range: what it found; Put, Erase: what was there before
  uint64_t count = 0;                   // Range: without the limit; Erase: how many are gone
  LeaseId lease = 0;                    // Grant, Revoke
};

struct Response {
  bool held = true;                    // the compares
  Revision revision = 0;               // of the keyspace, after the request
  std::vector<Outcome> outcomes = {};  // one for each operation
};

}  // namespace weir::keyspace
