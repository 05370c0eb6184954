// What the lock server answers, read from JSON. Members that we do not know are none of our business: the
// server may be newer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/base/result.hh"
#include "pkg/base/units.hh"

namespace weir::locking {

struct SessionState {
  std::string id;
  Duration ttl{0};
  std::vector<std::string> locks = {};  // that it holds or waits for
};
Result<SessionState> parse_session(std::string_view json);

struct Grant {
  uint64_t token = 0;
  std::string session;
};
Result<Grant> parse_grant(std::string_view json);

struct Claimant {
  uint64_t token = 0;
  std::string session = {};
  std::string mode = {};  // with a semaphore's permits
  std::string who = {};   // in words: host, process, reason
  std::string since = {};
};
struct LockState {
  std::string name;
  uint64_t revision = 0;
  std::vector<Claimant> holders = {};
  size_t waiters = 0;
  std::string json = {};  // all that the server said of it, on one line
};
Result<LockState> parse_lock(std::string_view json);

struct LockList {
  std::vector<LockState> locks;
  uint64_t count = 0;  // of all locks on the server
};
Result<LockList> parse_locks(std::string_view json);

struct Happening {
  std::string event;  // "granted", "expired", ...
  std::string lock;
  std::string session;
};
Result<Happening> parse_happening(std::string_view json);

// The words of a problem (RFC 9457); empty where it has none.
std::string problem_detail(std::string_view json);

}  // namespace weir::locking
