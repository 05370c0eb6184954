#include "cmd/weir-lock/look.hh"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "cmd/weir-lock/boot_clock.hh"
#include "cmd/weir-lock/table.hh"
#include "pkg/aio/scope.hh"
#include "pkg/base/json.hh"
#include "pkg/base/text.hh"
#include "pkg/http/event_stream.hh"
#include "pkg/resilience/backoff.hh"
#include "pkg/utility/exit.hh"
#include "pkg/utility/output.hh"

namespace weir::locking {

using namespace std::chrono_literals;

namespace {

constexpr resilience::Backoff kBackoff{.base = 100ms, .cap = 2s};
constexpr Duration kLongestCall = 10s;
constexpr Duration kLongPoll = 30s;
constexpr Duration kQuietStream = 45s;  // the server says something every 15 seconds
constexpr size_t kMostListed = 10'000;  // by the server, at once
constexpr Duration kAbsence = 30s;      // a server that restarts is waited for

int tell(const Trouble& trouble, const Options& options) {
  using Kind = Trouble::Kind;
  if (options.is_verbose || !is_plainly_held(trouble))
    fprintf(stderr, "weir-lock: %s\n", utility::harmless(trouble.message).c_str());
  switch (trouble.kind) {
    case Kind::unreachable:
    case Kind::foreign:
      return utility::kExitUnavailable;
    case Kind::full:
      return utility::kExitTemporary;
    case Kind::denied:
      return utility::kExitRefused;
    case Kind::missing:
      return utility::kExitFailed;
    case Kind::held:
      return options.conflict_status;
    case Kind::wrong:
      break;
  }
  return utility::kExitUsage;
}

int tell_never_reached(Trouble trouble, const Options& options) {
  if (trouble.kind == Trouble::Kind::unreachable)
    trouble.message += " (is weir-locker running there? see --server)";
  return tell(trouble, options);
}

// Nothing: go on. Else the exit status: nobody reads any more, or it cannot be written.
std::optional<int> put(std::string_view text) {
  switch (utility::write_out(text)) {
    case utility::Written::fine:
      return std::nullopt;
    case utility::Written::nobody_reads:
      return utility::kExitFine;
    case utility::Written::failed:
      break;
  }
  fprintf(stderr, "weir-lock: writing to standard output: %s\n", strerror(errno));
  return utility::kExitInternal;
}

// One stream, until it ends. An exit status, or nothing: it is to be begun again.
aio::Task<std::optional<int>> copy_events(aio::Loop& loop, Server& server) {
  http::EventStreamParser events;
  for (;;) {
    const auto piece = co_await server.read(loop.in(kQuietStream));
    if (utility::reader_left()) co_return utility::kExitFine;
    if (!piece || piece->empty() || !events.feed(*piece)) co_return std::nullopt;
    while (const auto event = events.next()) {
      if (event->data.find('\n') != std::string::npos) continue;  // it would be two records
      const auto ended = put(event->data + "\n");
      if (ended) co_return ended;
    }
  }
}

}  // namespace

aio::Task<int> take_only(aio::Loop& loop, const Options& options) {
  Server server(loop, options.server);
  Claim claim;
  claim.names = options.names;
  claim.mode = options.mode;
  claim.permits = options.permits;
  claim.reason = options.reason;
  const auto grant = co_await server.take_for(claim, options.ttl, loop.in(kLongestCall));
  if (!grant) co_return tell_never_reached(grant.error(), options);
  std::string line;
  JsonWriter json(line);
  json.begin_object().key("name").string(join(options.names, ","));
  json.key("token").number(grant->token).key("session").string(grant->session).end_object();
  co_return put(line + "\n").value_or(utility::kExitFine);
}

aio::Task<int> release(aio::Loop& loop, const Options& options) {
  Server server(loop, options.server);
  int status = utility::kExitFine;
  for (const std::string& name : options.names) {
    const auto released = co_await server.release(name, options.session, loop.in(kLongestCall));
    if (!released) status = tell_never_reached(released.error(), options);
  }
  co_return status;
}

aio::Task<int> wait_until_free(aio::Loop& loop, const Options& options) {
  const BootTime began = BootClock::now();
  const std::string& name = options.names.front();
  Server server(loop, options.server);
  Random random;
  auto lock = co_await server.look(name, loop.in(kLongestCall));
  if (!lock) co_return tell_never_reached(lock.error(), options);
  BootTime last_answer = BootClock::now();
  uint64_t revision = lock->revision;
  for (unsigned failures = 0; !lock || !lock->holders.empty();) {
    Duration wait = kLongPoll;
    if (options.patience) wait = std::min(wait, *options.patience - (BootClock::now() - began));
    if (wait <= Duration{0}) co_return options.conflict_status;
    wait = std::chrono::ceil<std::chrono::milliseconds>(wait);
    lock = co_await server.look_after(name, revision, wait, loop.in(wait + kLongestCall));
    if (lock) {
      failures = 0;
      revision = lock->revision;
      last_answer = BootClock::now();
      continue;
    }
    const bool is_gone = BootClock::now() > last_answer + kAbsence;
    if (lock.error().kind != Trouble::Kind::unreachable || is_gone) co_return tell(lock.error(), options);
    const Duration pause = resilience::backoff_delay(kBackoff, failures++, random);
    (void)co_await aio::sleep_until(loop.in(std::min(pause, wait)));
  }
  co_return utility::kExitFine;
}

aio::Task<int> list(aio::Loop& loop, const Options& options) {
  Server server(loop, options.server);
  const auto found = co_await server.list(options.prefix, loop.in(kLongestCall));
  if (!found) co_return tell_never_reached(found.error(), options);
  std::string text;
  if (options.as_json || !utility::is_terminal(STDOUT_FILENO)) {
    for (const LockState& lock : found->locks) text += lock.json + "\n";
  } else {
    text = table_of(found->locks, utility::may_colour(STDOUT_FILENO));
  }
  const auto ended = put(text);
  const bool may_be_cut = options.prefix.empty() || found->locks.size() >= kMostListed;
  if (may_be_cut && found->locks.size() < found->count)
    fprintf(stderr, "weir-lock: only the first %zu of %llu locks are listed; name a longer PREFIX\n",
            found->locks.size(), static_cast<unsigned long long>(found->count));
  co_return ended.value_or(utility::kExitFine);
}

aio::Task<int> watch(aio::Loop& loop, const Options& options) {
  Server server(loop, options.server);
  Random random;
  bool was_reached = false;
  for (unsigned failures = 0;;) {
    const auto begun = co_await server.follow(options.prefix, loop.in(kLongestCall));
    if (!begun && !was_reached) co_return tell_never_reached(begun.error(), options);
    if (begun) {
      if (was_reached) fprintf(stderr, "weir-lock: following again\n");
      failures = 0;
      was_reached = true;
      const auto ended = co_await copy_events(loop, server);
      if (ended) co_return *ended;
      fprintf(stderr, "weir-lock: the stream of events was cut; what happens until it goes on is missed\n");
    } else if (begun.error().kind != Trouble::Kind::unreachable) {
      co_return tell(begun.error(), options);
    }
    const Duration pause = resilience::backoff_delay(kBackoff, failures++, random);
    (void)co_await aio::sleep_until(loop.in(pause));
    if (utility::reader_left()) co_return utility::kExitFine;
  }
}

}  // namespace weir::locking
