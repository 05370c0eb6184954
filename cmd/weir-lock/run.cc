#include "cmd/weir-lock/run.hh"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "pkg/base/text.hh"
#include "pkg/resilience/backoff.hh"
#include "pkg/utility/exit.hh"
#include "pkg/utility/output.hh"

namespace weir::locking {

using namespace std::chrono_literals;

namespace {

constexpr resilience::Backoff kBackoff{.base = 100ms, .cap = 1s};
constexpr Duration kLongestCall = 5s;
constexpr Duration kFarewell = 5s;
constexpr Duration kLookForRest = 50ms;

std::string say_loss(Session::Loss loss) {
  switch (loss) {
    case Session::Loss::none:
      break;
    case Session::Loss::expired:
      return "the session has expired";
    case Session::Loss::taken:
      return "it was taken away or given back";
    case Session::Loss::unreachable:
      return "the server could not be reached for so long that the lease may have ended";
  }
  return "";
}

}  // namespace

Run::Run(aio::Loop& loop, const Options& options, Signals& signals)
    : loop_(loop), options_(options), signals_(signals) {
  session_settings_.server = options.server;
  // What gets the command out of the way in time, but never so much that one lost packet counts.
  session_settings_.margin = std::min(options.kill_after, options.ttl / 3);
  claim_.names = options.names;
  claim_.mode = options.mode;
  claim_.permits = options.permits;
  claim_.text = options.text;
  claim_.reason = options.reason;
}

std::string Run::said_names() const {
  return join(options_.names, ",");
}

void Run::tell(const std::string& message) const {
  const std::string line = utility::harmless(said_names() + ": " + message);
  fprintf(stderr, "weir-lock: %s\n", line.c_str());
}

void Run::on_signal(Signals::Received received) {
  if (received.number == SIGCHLD) {
    if (command_) command_->reap();
  } else if (command_) {
    if (!received.is_from_terminal) command_->send(received.number);
    forwarded_ = received.number;
  } else {
    signal_ = received.number;
  }
  changed_.set();
}

aio::Task<int> Run::perform() {
  signals_.watch(loop_, [this](Signals::Received received) { on_signal(received); });
  int status = 0;
  for (;;) {
    const auto ended = co_await take();
    if (ended) {
      status = *ended;
      break;
    }
    status = co_await run_command((*outcome_)->token);
    co_await give_back();
    if (!was_lost_ || !options_.again || forwarded_ != 0) break;
    tell("standing for election again");
  }
  signals_.unwatch();
  co_return status;
}

// Taking it.

std::optional<Duration> Run::patience_left() const {
  if (!options_.patience) return std::nullopt;
  return std::max<Duration>(*options_.patience - (BootClock::now() - began_), Duration{0});
}

aio::Task<std::optional<int>> Run::take() {
  began_ = BootClock::now();
  for (unsigned attempt = 0;; ++attempt) {
    co_await try_or_be_called_off();
    if (signal_ != 0) {
      co_await give_back();
      last_signal_ = signal_;
      co_return utility::kExitSignal + signal_;
    }
    if (outcome_ && *outcome_ && !is_lost()) {
      session_->holds(options_.names);
      co_return std::nullopt;
    }
    Trouble trouble{Trouble::Kind::unreachable, "the session was lost while waiting"};
    if (outcome_ && !*outcome_) trouble = outcome_->error();
    const auto status = give_up(trouble);
    if (status) {
      co_await give_back();
      co_return status;
    }
    if (session_) {
      co_await session_->close();
      left_behind_.push_back(session_->id());
      session_.reset();
    }
    co_await pause(attempt);
  }
}

// Until there is an outcome, the session is lost, or a signal comes.
aio::Task<> Run::try_or_be_called_off() {
  outcome_.reset();
  aio::Scope trying(loop_);
  trying.spawn(try_once(patience_left()));
  if (options_.is_verbose || utility::is_terminal(STDERR_FILENO)) trying.spawn(tell_who_holds());
  while (!outcome_ && signal_ == 0 && !is_lost()) {
    const auto changed = co_await changed_.wait(aio::Deadline::never());
    if (!changed) break;
    changed_.reset();
  }
  co_await trying.close();
}

// Nothing: it is worth trying again.
std::optional<int> Run::give_up(const Trouble& trouble) {
  using Kind = Trouble::Kind;
  if (session_) last_answer_ = std::max(last_answer_, session_->last_answer());
  switch (trouble.kind) {
    case Kind::held:
      if (options_.is_verbose || !is_plainly_held(trouble)) tell(trouble.message);
      return options_.conflict_status;
    case Kind::denied:
      tell(trouble.message);
      return utility::kExitRefused;
    case Kind::wrong:
      tell(trouble.message);
      return utility::kExitUsage;
    case Kind::full:
      tell(trouble.message);
      return utility::kExitTemporary;
    case Kind::foreign:
      tell(trouble.message);
      return utility::kExitUnavailable;
    case Kind::missing:  // the session, in the meantime
      return std::nullopt;
    case Kind::unreachable:
      break;
  }
  const bool is_out_of_patience = patience_left() == Duration{0};
  const bool may_come_back = options_.again || BootClock::now() < last_answer_ + options_.ttl;
  if (was_reached_ && !is_out_of_patience && may_come_back) return std::nullopt;
  tell(trouble.message + (was_reached_ ? "" : " (is weir-locker running there? see --server)"));
  return utility::kExitUnavailable;
}

aio::Task<> Run::pause(unsigned attempt) {
  const aio::Deadline until = loop_.in(resilience::backoff_delay(kBackoff, attempt, random_));
  while (signal_ == 0) {
    const auto changed = co_await changed_.wait(until);
    if (!changed) co_return;
    changed_.reset();
  }
}

aio::Task<Reply<>> Run::begin_session() {
  Server server(loop_, options_.server);
  // What an earlier attempt left in the queue would stand before us.
  while (!left_behind_.empty()) {
    const auto ended = co_await server.end_session(left_behind_.back(), loop_.in(kLongestCall));
    if (!ended && ended.error().kind != Trouble::Kind::missing) co_return std::unexpected(ended.error());
    left_behind_.pop_back();
  }
  const BootTime sent = BootClock::now();
  auto begun = co_await server.begin_session(options_.ttl, options_.reason, loop_.in(kLongestCall));
  if (!begun) co_return std::unexpected(begun.error());
  was_reached_ = true;
  last_answer_ = sent;
  session_ = std::make_unique<Session>(loop_, session_settings_, std::move(*begun), sent,
                                       [this] { changed_.set(); });
  co_return Reply<>();
}

aio::Task<> Run::try_once(std::optional<Duration> patience) {
  const auto begun = co_await begin_session();
  if (!begun) {
    outcome_.emplace(std::unexpected(begun.error()));
  } else {
    Server server(loop_, options_.server);
    // Where we wait for ever the session's end, which signs of life on another connection put off, ends it.
    const aio::Deadline deadline = patience ? loop_.in(*patience + kLongestCall) : aio::Deadline::never();
    auto taken = co_await server.take(claim_, session_->id(), patience, deadline);
    outcome_.emplace(std::move(taken));
  }
  changed_.set();
}

// For people who wonder why nothing happens.
aio::Task<> Run::tell_who_holds() {
  const auto slept = co_await aio::sleep_until(loop_.in(500ms));
  if (!slept) co_return;
  Server server(loop_, options_.server);
  for (const std::string& name : options_.names) {
    const auto lock = co_await server.look(name, loop_.in(kLongestCall));
    if (!lock || lock->holders.empty() || outcome_) continue;
    const Claimant& holder = lock->holders.front();
    tell("waiting for " + name + ", held by " + (holder.who.empty() ? "somebody" : holder.who) +
         (holder.since.empty() ? "" : " since " + holder.since));
  }
}

// Holding it.

aio::Task<int> Run::run_command(uint64_t token) {
  was_lost_ = false;
  if (options_.is_verbose) {
    const auto waited = std::chrono::floor<std::chrono::milliseconds>(BootClock::now() - began_);
    tell("taken after " + format_duration(waited) + ", token " + std::to_string(token));
  }
  auto started = Command::start(options_.command,
                                {"WEIR_LOCK_NAME=" + said_names(), "WEIR_LOCK_TOKEN=" + std::to_string(token),
                                 "WEIR_LOCK_SESSION=" + session_->id()},
                                signals_);
  if (!started) {
    tell(started.error().message);
    co_return started.error().code == Errc::not_found ? utility::kExitNotFound : utility::kExitNotExecutable;
  }
  command_ = std::make_unique<Command>(std::move(*started));
  command_->reap();  // it may have ended before anyone listened
  forwarded_ = 0;
  co_await watch_over_command();
  was_lost_ = is_lost() && !command_->has_ended();
  if (was_lost_) {
    tell("lost: " + say_loss(session_->loss()) + "; ending the command");
    co_await end_command();
  }
  const int status = was_lost_ ? utility::kExitTemporary : command_->exit_status();
  // Whoever sees us end by the signal that was meant for both of us knows that we were interrupted.
  const bool is_interrupted = command_->signal() != 0 && command_->signal() == forwarded_;
  const bool dumps_core = forwarded_ == SIGQUIT;
  if (is_interrupted && !was_lost_ && !dumps_core) last_signal_ = forwarded_;
  command_.reset();
  co_return status;
}

aio::Task<> Run::watch_over_command() {
  while (!command_->has_ended() && !is_lost()) {
    const auto changed = co_await changed_.wait(aio::Deadline::never());
    if (!changed) co_return;
    changed_.reset();
  }
}

// It asks first. When that has not helped it looks again and again: what is being killed may still fork.
aio::Task<> Run::end_command() {
  command_->send_to_all(SIGTERM);
  command_->send_to_all(SIGCONT);
  const aio::Deadline until = loop_.in(options_.kill_after);
  aio::Deadline next_look = until;
  bool is_killing = false;
  while (!command_->has_ended() || !command_->is_all_gone()) {
    if (is_killing) command_->send_to_all(SIGKILL);
    const auto changed = co_await changed_.wait(next_look);
    changed_.reset();
    command_->reap();
    if (changed) continue;
    if (!is_killing) tell("it did not end when asked; killing it");
    is_killing = true;
    next_look = loop_.in(kLookForRest);
  }
}

aio::Task<> Run::give_back() {
  if (!session_) co_return;
  co_await session_->close();
  const bool is_known_to_be_gone = session_->loss() == Session::Loss::expired;
  if (!is_known_to_be_gone) {
    Server server(loop_, options_.server);
    const auto ended = co_await server.end_session(session_->id(), loop_.in(kFarewell));
    const bool is_left = !ended && ended.error().kind != Trouble::Kind::missing;
    if (is_left) {
      left_behind_.push_back(session_->id());
      tell("could not be given back (" + ended.error().message + "); it is free " +
           format_duration(options_.ttl) + " after the last sign of life");
    }
  }
  session_.reset();
}

}  // namespace weir::locking
