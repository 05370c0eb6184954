// Locks as every door takes and gives them back.
#pragma once

#include <vector>

#include "cmd/weir-locker/engine.hh"

namespace weir::locker {

struct Wanted {
  std::vector<std::string> names;  // all of them or none
  keyspace::LeaseId session = 0;   // whose the claims are
  lock::Claim claim;
  Duration patience{0};  // 0: now or not at all; Duration::max(): for ever
  bool again = false;    // a session that holds it already takes it once more
};

struct Held {
  keyspace::Revision token = 0;  // of all its names
  uint32_t holds = 1;
};

// Errors: invalid (a name), not_found (the session), refused (held by others and not waited for; claimed by
// this session already, or some of them; a semaphore of other permits), timed_out, limit, unavailable. After
// an error, and when the task is cancelled, nothing is claimed. As everywhere, what an error says was only
// seen: settle() before it is told.
//
// Several names are claimed at once, so they stand in all queues in the same order: no two can wait for each
// other. What is free of them is kept from others until the rest is free too.
aio::Task<Result<Held>> acquire(Engine& engine, Wanted wanted);

struct Release {
  std::vector<std::string> names;
  keyspace::LeaseId session = 0;
};
// A lock that was taken more than once is given back once. Errors: not_found (not held or waited for by this
// session), unavailable; nothing is released then.
aio::Task<Result<>> release(Engine& engine, Release release);

// Takes the claim with this token from whoever has it. Errors: not_found, unavailable.
Result<Engine::Committed> force_release(Engine& engine, const std::string& name, keyspace::Revision token);

// A session: a lease with a note about who holds it.
aio::Task<Result<keyspace::LeaseId>> begin_session(Engine& engine, keyspace::Millis ttl, std::string note);
// Keeps it alive until cancelled: for a client that waits here, and knows nothing of it yet.
aio::Task<> keep_session(Engine& engine, keyspace::LeaseId session, Duration every);
aio::Task<Result<>> end_session(Engine& engine, keyspace::LeaseId session);

}  // namespace weir::locker
