#include "pkg/http/h2_connection.hh"

namespace weir::http {
namespace {

// How long a client that was told of the end may take to answer, so that no request on its way is refused.
constexpr Duration kDrainNotice = std::chrono::seconds(1);
// How long what still comes in is thrown away behind our last word: closing at once would reset the
// connection, and the peer might never read why.
constexpr Duration kLinger = std::chrono::seconds(1);

}  // namespace

H2Connection::H2Connection(aio::Loop& loop, aio::Stream& stream, H2Core& core, const H2Settings& settings)
    : loop_(loop),
      stream_(stream),
      core_(core),
      settings_(settings),
      tasks_(loop),
      patience_(loop.in(settings.head_timeout)) {}

aio::Task<> H2Connection::run(std::function<void()> on_received) {
  on_received_ = std::move(on_received);
  is_running_ = true;
  output_.set();
  tasks_.spawn(write());
  tasks_.spawn(read());
  const auto over = co_await over_.wait(aio::Deadline::never());
  is_running_ = false;
  core_.lose();
  if (over && is_flushed_) co_await peer_gone_.wait(loop_.in(kLinger));
  co_await tasks_.close();
}

// One wait at a time is watched: for the rest of a head, or for any stream at all.
bool H2Connection::is_overdue() {
  const bool waits_for_head = !core_.is_greeted() || core_.in_header_block();
  const bool is_idle = core_.streams() == 0;
  if (waits_for_head != waits_for_head_ || is_idle != is_idle_) {
    waits_for_head_ = waits_for_head;
    is_idle_ = is_idle;
    patience_ = loop_.in(waits_for_head ? settings_.head_timeout : settings_.idle_timeout);
  }
  if (!waits_for_head && !is_idle) patience_ = loop_.in(settings_.idle_timeout);  // only to look again
  return loop_.now_tick() >= patience_.tick();
}

aio::Task<> H2Connection::read() {
  for (;;) {
    const size_t used = core_.receive(stream_.text(), loop_.now_tick());
    stream_.consume(used);
    on_received_();
    if (core_.has_output() || core_.is_finished()) wake_writer();
    if (is_overdue()) {
      if (waits_for_head_) core_.fail({H2Code::kEnhanceYourCalm, "the head did not come in time"});
      if (!waits_for_head_) core_.end_now();
      patience_ = loop_.in(kLinger);
    }
    const auto received = co_await stream_.read_more(patience_);
    if (received ? *received > 0 : received.error().code == Errc::timed_out) continue;
    break;
  }
  peer_gone_.set();
  over_.set();
}

aio::Task<> H2Connection::write() {
  for (;;) {
    const auto woken = co_await output_.wait(aio::Deadline::never());
    if (!woken) co_return;
    output_.reset();
    for (;;) {
      core_.produce();
      core_.take_output(sending_);
      if (sending_.empty()) break;
      const auto sent = co_await stream_.write(sending_, loop_.in(settings_.write_timeout));
      if (!sent) {
        over_.set();
        co_return;
      }
    }
    output_.reset();
    if (core_.is_finished()) break;
    if (core_.streams() == 0) core_.give_back(sending_);
  }
  is_flushed_ = stream_.finish_writing().has_value();
  over_.set();
}

void H2Connection::drain() {
  if (std::exchange(is_draining_, true)) return;
  core_.announce_end();
  if (is_running_) tasks_.spawn(finish_drain());
}

aio::Task<> H2Connection::finish_drain() {
  const auto waited = co_await aio::sleep_until(loop_.in(kDrainNotice));
  if (waited) core_.end_now();
}

}  // namespace weir::http
