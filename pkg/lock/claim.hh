// A claim on a lock, as it stands in a keyspace: the key "NAME/LEASE", the lease in hexadecimal, as etcd's
// own recipes for locks and elections have it, so that their clients stand in the same queue. The value says
// what kind of claim it is; any value that we have not written is an exclusive claim, whatever it means to
// its writer.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pkg/keyspace/request.hh"

namespace weir::lock {

using keyspace::LeaseId;
using keyspace::Millis;
using keyspace::Revision;

enum class Mode : uint8_t {
  exclusive,  // alone
  shared,     // with others that share
  semaphore,  // with as many as there are permits
};
std::string_view to_string(Mode mode);
std::optional<Mode> parse_mode(std::string_view word);

// Who it is, as it says itself.
struct Holder {
  std::string host = {};
  uint64_t pid = 0;
  std::string reason = {};
  bool operator==(const Holder&) const = default;
};
// As the note of a session's lease; an empty Holder of what is no such note.
std::string to_note(const Holder& holder);
Holder holder_of(std::string_view note);

struct Claim {
  Mode mode = Mode::exclusive;
  uint32_t permits = 1;   // of a semaphore: how many may hold it at once
  uint32_t holds = 1;     // how often its session has taken it, where it may more than once
  Millis delay{0};        // for how long it is kept when its session expires
  bool is_delay = false;  // its session has expired, and this is that while
  std::string text = {};  // what a candidate stands for; the random value of a Redis client
  Holder holder = {};
  int64_t since = 0;  // when it was made, in milliseconds of the wall clock; 0: nobody knows
};

std::string to_value(const Claim& claim);
// Always a claim: see above.
Claim claim_of(std::string_view value);

struct ClaimKey {
  std::string_view name;
  LeaseId lease = 0;
};
constexpr size_t kMostNameBytes = 512;
// Why this cannot be the name of a lock; null when it can: 1 to kMostNameBytes visible characters of UTF-8
// without "//", "\" and parts that are "." or "..", and no "/" at its ends.
const char* name_problem(std::string_view name);
std::string key_of(std::string_view name, LeaseId lease);
// Nothing where the key is not one of a queue.
std::optional<ClaimKey> parse_key(std::string_view key);
// All that stand in a lock's queue, and the queues of the names below it: keyspace ranges know no more.
keyspace::KeyRange queue_range(std::string_view name);

}  // namespace weir::lock
