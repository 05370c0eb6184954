#include "cmd/weir-lock/session.hh"

#include <algorithm>

#include "pkg/http/event_stream.hh"
#include "pkg/resilience/backoff.hh"

namespace weir::locking {

using namespace std::chrono_literals;

namespace {

constexpr resilience::Backoff kBackoff{.base = 50ms, .cap = 1s};
constexpr Duration kLongestCall = 5s;
// The server says something every 15 seconds.
constexpr Duration kQuietStream = 45s;

}  // namespace

Session::Session(aio::Loop& loop, const Settings& settings, SessionState state, BootTime sent,
                 std::function<void()> on_loss)
    : loop_(loop),
      settings_(settings),
      id_(std::move(state.id)),
      ttl_(state.ttl),
      on_loss_(std::move(on_loss)),
      last_answer_(sent),
      end_(loop, [this] { lose(Loss::unreachable); }),
      next_(loop, [this] { is_due_.set(); }),
      tasks_(loop) {
  end_.set(last_answer_ + ttl_ - settings_.margin);
  tasks_.spawn(keep_alive());
}

Session::~Session() = default;

void Session::holds(std::vector<std::string> names) {
  held_ = std::move(names);
  held_since_ = BootClock::now();
  for (const std::string& name : held_) tasks_.spawn(follow(name));
}

void Session::lose(Loss loss) {
  if (loss_ != Loss::none) return;
  loss_ = loss;
  on_loss_();
}

aio::Task<> Session::keep_alive() {
  Server server(loop_, settings_.server);
  for (;;) {
    Duration pause = ttl_ / 3;
    if (failures_ > 0) pause = std::min(pause, resilience::backoff_delay(kBackoff, failures_ - 1, random_));
    next_.set(BootClock::now() + pause);
    const auto due = co_await is_due_.wait(aio::Deadline::never());
    if (!due) co_return;
    is_due_.reset();
    const BootTime sent = BootClock::now();
    const auto reply = co_await server.keep_alive(id_, loop_.in(std::min(ttl_ / 3, kLongestCall)));
    aio::TaskContext& me = co_await aio::this_task();
    if (me.cancelled) co_return;
    take_in(reply, sent);
  }
}

void Session::take_in(const Reply<SessionState>& reply, BootTime sent) {
  if (!reply) {
    ++failures_;
    if (reply.error().kind == Trouble::Kind::missing) lose(Loss::expired);
    return;
  }
  failures_ = 0;
  last_answer_ = sent;
  end_.set(last_answer_ + ttl_ - settings_.margin);
  if (sent < held_since_) return;  // it may speak of the time before
  for (const std::string& name : held_) {
    if (std::ranges::find(reply->locks, name) == reply->locks.end()) lose(Loss::taken);
  }
}

// The next sign of life would find out too; this tells at once.
aio::Task<> Session::follow(std::string name) {
  Server server(loop_, settings_.server);
  for (unsigned failures = 0;; ++failures) {
    const bool was_well = co_await follow_once(server, name);
    if (was_well) failures = 0;
    const auto slept =
        co_await aio::sleep_until(loop_.in(resilience::backoff_delay(kBackoff, failures, random_)));
    if (!slept) co_return;
  }
}

aio::Task<bool> Session::follow_once(Server& server, const std::string& name) {
  const auto begun = co_await server.follow(name, loop_.in(kLongestCall));
  if (!begun) co_return false;
  http::EventStreamParser events;
  for (;;) {
    const auto piece = co_await server.read(loop_.in(kQuietStream));
    if (!piece || piece->empty() || !events.feed(*piece)) co_return true;
    while (const auto event = events.next()) {
      const auto happening = parse_happening(event->data);
      if (!happening || happening->lock != name || happening->session != id_) continue;
      const bool is_end = happening->event == "expired" || happening->event == "forced" ||
                          happening->event == "released" || happening->event == "withdrawn";
      if (is_end) lose(happening->event == "expired" ? Loss::expired : Loss::taken);
    }
  }
}

}  // namespace weir::locking
