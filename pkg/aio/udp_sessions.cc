#include "pkg/aio/udp_sessions.hh"

#include <chrono>

#include "pkg/aio/operation.hh"

namespace weir::aio {
namespace {

uint64_t to_ticks(Duration duration) {
  return static_cast<uint64_t>(std::chrono::ceil<std::chrono::milliseconds>(duration).count());
}

}  // namespace

Result<std::unique_ptr<UdpSessions>> UdpSessions::open(Loop& loop, Descriptor socket, Settings settings,
                                                       Hooks hooks) {
  auto listener = DatagramSocket::adopt(loop, std::move(socket));
  if (!listener) return std::unexpected(std::move(listener.error()));
  return std::unique_ptr<UdpSessions>(
      new UdpSessions(loop, std::move(*listener), settings, std::move(hooks)));
}

Task<> UdpSessions::run() {
  receiving_.spawn(receive());
  co_await receiving_.join();
  co_await wait_for_quiet();
  co_await answers_.close();
}

void UdpSessions::drain(Duration quiet) {
  drains_after_ = quiet;
  receiving_.cancel();
}

Task<> UdpSessions::wait_for_quiet() {
  constexpr auto kRound = std::chrono::milliseconds(50);
  while (drains_after_ && !sessions_.empty()) {
    for (const auto& [client, session] : sessions_) {
      if (session->last_tick + to_ticks(*drains_after_) <= loop_.now_tick()) session->task->cancel();
    }
    const auto slept = co_await sleep_until(loop_.in(kRound));
    if (!slept) co_return;
  }
}

Task<> UdpSessions::receive() {
  for (;;) {
    const auto received = co_await listener_.receive(batch_, Deadline::never());
    if (!received && received.error().code == Errc::cancelled) break;
    if (!received) continue;  // an error of one datagram that was sent; the socket goes on
    std::span<const Datagram> rest = batch_.datagrams();
    while (!rest.empty()) {
      size_t count = 1;
      while (count < rest.size() && rest[count].peer == rest[0].peer) ++count;
      pass_on(rest.first(count));
      rest = rest.subspan(count);
    }
  }
}

void UdpSessions::pass_on(std::span<const Datagram> of_one_client) {
  Session* session = session_of(of_one_client.front());
  if (session == nullptr) {
    counts_.refused += of_one_client.size();
    return;
  }
  session->last_tick = loop_.now_tick();
  session->local = of_one_client.back().local;
  const auto result = session->socket.send(of_one_client);
  counts_.to_server += result.sent;
  counts_.dropped += result.dropped;
  size_t bytes = 0;
  for (const Datagram& datagram : of_one_client) bytes += datagram.bytes.size();
  counts_.bytes_to_server += bytes;
  session->facts.bytes_to_server += bytes;
  if (result.error == 0) return;
  // An earlier datagram was answered by ICMP. Sending has taken the error off the socket, so the task that
  // waits for answers would never see it.
  count_failure(session->facts, fail_errno("sending", result.error).error());
  forget(*session);
  session->task->cancel();
}

UdpSessions::Session* UdpSessions::session_of(const Datagram& first) {
  const auto found = sessions_.find(first.peer);
  return found != sessions_.end() ? found->second : open_session(first);
}

UdpSessions::Session* UdpSessions::open_session(const Datagram& first) {
  if (sessions_.size() >= settings_.most) return nullptr;
  auto choice = hooks_.choose_server(first.peer);
  if (!choice) return nullptr;
  Facts facts{first.peer, std::move(*choice)};
  auto socket = DatagramSocket::connect(loop_, facts.choice.server);
  if (!socket) {
    count_failure(facts, socket.error());
    end(facts);
    return nullptr;
  }
  auto session =
      std::make_unique<Session>(Session{std::move(facts), first.local, std::move(*socket), loop_.now_tick()});
  Session* opened = session.get();
  sessions_.emplace(first.peer, opened);
  ++counts_.sessions;
  answers_.spawn(carry_answers(std::move(session)));
  return opened;
}

Task<> UdpSessions::carry_answers(std::unique_ptr<Session> session) {
  TaskContext& me = co_await this_task();
  session->task = &me;
  for (;;) {
    const uint64_t idle = to_ticks(settings_.idle_timeout);
    const uint64_t quiet_tick = session->last_tick + idle;
    const auto received = co_await session->socket.receive(batch_, Deadline::at(quiet_tick));
    if (received) {
      answer(*session);
      continue;
    }
    const Errc code = received.error().code;
    if (code == Errc::timed_out && session->last_tick + idle > loop_.now_tick()) {
      continue;  // the client was busy meanwhile
    }
    if (code != Errc::timed_out && code != Errc::cancelled) {
      count_failure(session->facts, received.error());
    }
    break;
  }
  forget(*session);
  end(session->facts);
}

void UdpSessions::answer(Session& session) {
  session.last_tick = loop_.now_tick();
  if (!std::exchange(session.is_answered, true) && hooks_.on_first_answer)
    hooks_.on_first_answer(session.facts);
  const auto answers = batch_.datagrams();
  outgoing_.assign(answers.begin(), answers.end());
  for (Datagram& datagram : outgoing_) {
    datagram.peer = session.facts.client;
    datagram.local = session.local;
    counts_.bytes_to_client += datagram.bytes.size();
    session.facts.bytes_to_client += datagram.bytes.size();
  }
  const auto result = listener_.send(outgoing_);
  counts_.to_client += result.sent;
  counts_.dropped += result.dropped;
}

void UdpSessions::count_failure(const Facts& session, const Error& error) {
  ++counts_.failures;
  if (hooks_.on_failure) hooks_.on_failure(session, error);
}

void UdpSessions::end(const Facts& session) {
  if (hooks_.on_end) hooks_.on_end(session);
}

// The client may have a new session already.
void UdpSessions::forget(const Session& session) {
  const auto found = sessions_.find(session.facts.client);
  if (found != sessions_.end() && found->second == &session) sessions_.erase(found);
}

}  // namespace weir::aio
