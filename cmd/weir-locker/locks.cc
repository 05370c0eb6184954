#include "cmd/weir-locker/locks.hh"

#include <algorithm>

#include "cmd/weir-locker/wall_time.hh"

namespace weir::locker {

namespace {

using keyspace::Request;

std::string quoted(const std::string& name) {
  return "\"" + name + "\"";
}

// Whether a new claim would be granted at once; an error where it cannot stand in the queue at all.
Result<bool> is_free(const Engine& engine, const std::string& name, const lock::Claim& claim) {
  const lock::Queue* const queue = engine.locks().find(name);
  if (queue == nullptr) return true;
  for (const auto& [ticket, other] : queue->claimants()) {
    const bool are_semaphores =
        claim.mode == lock::Mode::semaphore && other.claim.mode == lock::Mode::semaphore;
    if (!are_semaphores || other.claim.permits == claim.permits) continue;
    return fail(Errc::refused, "the semaphore " + quoted(name) + " has " +
                                   std::to_string(other.claim.permits) + " permits, not " +
                                   std::to_string(claim.permits));
  }
  return queue->granted() == queue->claimants().size() && queue->admits(claim);
}

// Takes what this session holds already once more.
Result<Engine::Committed> take_again(Engine& engine, const Wanted& wanted, Held& held) {
  Request request;
  for (const std::string& name : wanted.names) {
    const std::string key = lock::key_of(name, wanted.session);
    const auto found = engine.keys().find(key);
    if (found == nullptr || !engine.locks().is_granted(*found))
      return fail(Errc::refused, quoted(name) + " is not held by this session");
    if (held.token != 0 && held.token != found->created)
      return fail(Errc::refused, quoted(name) + " was not taken together with the others");
    lock::Claim claim = lock::claim_of(found->value);
    ++claim.holds;
    held = {found->created, claim.holds};
    request.then.emplace_back(keyspace::Put{key, to_value(claim), wanted.session});
  }
  return engine.begin(request);
}

Result<> check(const Engine& engine, const Wanted& wanted) {
  if (wanted.names.empty()) return fail(Errc::invalid, "no lock is named");
  for (auto name = wanted.names.begin(); name != wanted.names.end(); ++name) {
    if (const char* const problem = lock::name_problem(*name)) return fail(Errc::invalid, problem);
    if (std::find(wanted.names.begin(), name, *name) != name)
      return fail(Errc::invalid, quoted(*name) + " is named twice");
  }
  if (engine.keys().find_lease(wanted.session) == nullptr)
    return fail(Errc::not_found, "there is no such session");
  return {};
}

bool is_claim_of(const Engine& engine, const std::string& key, keyspace::Revision token) {
  const auto found = engine.keys().find(key);
  return found != nullptr && found->created == token;
}

// What is left of the claims that were made with this token. Whoever is told so may rely on it: an error
// means that it is not known.
aio::Task<Result<>> withdraw(Engine& engine, const std::vector<std::string>& keys, keyspace::Revision token) {
  Request request;
  for (const std::string& key : keys) {
    if (is_claim_of(engine, key, token)) request.then.emplace_back(keyspace::Erase{{key}});
  }
  if (request.then.empty()) co_return co_await engine.settle();
  const auto begun = engine.begin(request, Cause::given_up);
  if (!begun) co_return std::unexpected(begun.error());
  co_return co_await engine.durable(begun->sequence);
}

}  // namespace

aio::Task<Result<Held>> acquire(Engine& engine, Wanted wanted) {
  const auto checked = check(engine, wanted);
  if (!checked) co_return std::unexpected(checked.error());
  wanted.claim.since = wall_time().count();
  Held held;
  bool all_free = true;
  bool all_claimed = true;
  bool any_claimed = false;
  std::vector<std::string> keys;
  Request request;
  for (const std::string& name : wanted.names) {
    keys.push_back(lock::key_of(name, wanted.session));
    const bool is_claimed = engine.keys().find(keys.back()) != nullptr;
    if (is_claimed && !wanted.again)
      co_return fail(Errc::refused, quoted(name) + " is claimed by this session already");
    all_claimed = all_claimed && is_claimed;
    any_claimed = any_claimed || is_claimed;
    const auto free = is_free(engine, name, wanted.claim);
    if (!free) co_return std::unexpected(free.error());
    all_free = all_free && *free;
    request.then.emplace_back(keyspace::Put{keys.back(), to_value(wanted.claim), wanted.session});
  }
  if (any_claimed && !all_claimed)
    co_return fail(Errc::refused, "this session has claimed some of them already, and some not");
  if (any_claimed) {
    const auto again = take_again(engine, wanted, held);
    if (!again) co_return std::unexpected(again.error());
    const auto kept = co_await engine.durable(again->sequence);
    if (!kept) co_return std::unexpected(kept.error());
    co_return held;
  }
  if (!all_free && wanted.patience == Duration{0}) co_return fail(Errc::refused, "held by others");
  const auto claimed = engine.begin(request);
  if (!claimed) co_return std::unexpected(claimed.error());
  held.token = claimed->response.revision;
  const aio::Deadline deadline = engine.loop().in(wanted.patience);
  Result<> outcome;
  if (all_free) outcome = co_await engine.durable(claimed->sequence);
  for (size_t i = 0; i < keys.size() && outcome && !all_free; ++i) {
    outcome = co_await engine.granted(keys[i], held.token, deadline);
  }
  // While the last one was waited for, the first may have been taken away.
  for (const std::string& key : keys) {
    if (outcome && !is_claim_of(engine, key, held.token))
      outcome = fail(Errc::not_found, "the session has ended, and its claim with it");
  }
  if (outcome) co_return held;
  const auto withdrawn = co_await withdraw(engine, keys, held.token);
  if (!withdrawn) co_return std::unexpected(withdrawn.error());
  co_return std::unexpected(outcome.error());
}

aio::Task<Result<>> release(Engine& engine, Release release) {
  Request request;
  for (const std::string& name : release.names) {
    const std::string key = lock::key_of(name, release.session);
    const auto found = engine.keys().find(key);
    if (found == nullptr) co_return fail(Errc::not_found, quoted(name) + " is not held by this session");
    lock::Claim claim = lock::claim_of(found->value);
    if (claim.holds > 1) {
      --claim.holds;
      request.then.emplace_back(keyspace::Put{key, to_value(claim), release.session});
    } else {
      request.then.emplace_back(keyspace::Erase{{key}});
    }
  }
  const auto done = co_await engine.commit(std::move(request));
  if (!done) co_return std::unexpected(done.error());
  co_return Result<>();
}

Result<Engine::Committed> force_release(Engine& engine, const std::string& name, keyspace::Revision token) {
  const lock::Queue* const queue = engine.locks().find(name);
  const lock::Claimant* const claimant = queue == nullptr ? nullptr : queue->find_token(token);
  if (claimant != nullptr) return engine.begin({.then = {keyspace::Erase{{claimant->key}}}}, Cause::forced);
  return fail(Errc::not_found, quoted(name) + " has no claim with this token");
}

aio::Task<Result<keyspace::LeaseId>> begin_session(Engine& engine, keyspace::Millis ttl, std::string note) {
  const keyspace::LeaseId id = engine.fresh_lease_id();
  Request request;
  request.then.emplace_back(keyspace::Grant{id, ttl, false, std::move(note)});
  const auto granted = co_await engine.commit(std::move(request));
  if (!granted) co_return std::unexpected(granted.error());
  co_return id;
}

aio::Task<> keep_session(Engine& engine, keyspace::LeaseId session, Duration every) {
  for (;;) {
    const auto slept = co_await aio::sleep_until(engine.loop().in(every));
    if (!slept) co_return;
    engine.keep_alive(session);
  }
}

aio::Task<Result<>> end_session(Engine& engine, keyspace::LeaseId session) {
  Request request;
  request.then.emplace_back(keyspace::Revoke{session});
  const auto ended = co_await engine.commit(std::move(request));
  if (!ended) co_return std::unexpected(ended.error());
  co_return Result<>();
}

}  // namespace weir::locker
