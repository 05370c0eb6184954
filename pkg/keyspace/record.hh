// How the changes of a keyspace are written down. A record is the steps of one request, in order; a snapshot
// is a head and then the same steps for all that there is, keys with their numbers.
#pragma once

#include "pkg/base/wire.hh"
#include "pkg/keyspace/request.hh"

namespace weir::keyspace {

enum class Step : uint8_t { put = 1, erase = 2, grant = 3, revoke = 4 };

class RecordWriter {
 public:
  explicit RecordWriter(std::string& out) : wire_(out) {}

  void put(std::string_view key, std::string_view value, LeaseId lease) {
    step(Step::put).text(key).text(value).u64(static_cast<uint64_t>(lease));
  }
  void erase(std::string_view key) { step(Step::erase).text(key); }
  void grant(LeaseId id, Millis ttl, bool ends_with_keys, std::string_view note) {
    step(Step::grant).u64(static_cast<uint64_t>(id)).u64(static_cast<uint64_t>(ttl.count()));
    wire_.u8(ends_with_keys ? 1 : 0).text(note);
  }
  void revoke(LeaseId id) { step(Step::revoke).u64(static_cast<uint64_t>(id)); }

 private:
  WireWriter& step(Step step) { return wire_.u8(static_cast<uint8_t>(step)); }
  WireWriter wire_;
};

}  // namespace weir::keyspace
