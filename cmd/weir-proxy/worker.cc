#include "cmd/weir-proxy/worker.hh"

#include <optional>

#include "pkg/aio/scope.hh"

namespace weir::proxy {

using namespace std::chrono_literals;

// While it lives, the connection is known to be between requests.
class Worker::IdleMark {
 public:
  IdleMark(Worker& worker, aio::TaskContext& task) : entry_{&task, &worker.idle_, worker.idle_} {
    if (entry_.next != nullptr) entry_.next->link = &entry_.next;
    worker.idle_ = &entry_;
  }
  ~IdleMark() {
    *entry_.link = entry_.next;
    if (entry_.next != nullptr) entry_.next->link = entry_.link;
  }
  IdleMark(const IdleMark&) = delete;
  IdleMark& operator=(const IdleMark&) = delete;

 private:
  Idle entry_;
};

Worker::Worker(daemon::Worker& frame, std::shared_ptr<const Snapshot> snapshot,
               std::shared_ptr<daemon::EventSink> events, RouteMetrics unrouted)
    : frame_(frame), unrouted_(std::move(unrouted)) {
  adopt(std::move(snapshot), std::move(events));
  frame_.tasks().spawn(tick());
}

Worker::~Worker() {
  hand_over_events();
}

void Worker::adopt(std::shared_ptr<const Snapshot> snapshot, std::shared_ptr<daemon::EventSink> events) {
  hand_over_events();
  // A count of references of this worker's own: requests of other threads don't touch its cache line.
  const auto own = std::make_shared<std::shared_ptr<const Snapshot>>(std::move(snapshot));
  snapshot_ = std::shared_ptr<const Snapshot>(own, own->get());
  events_ = std::move(events);
}

namespace {

std::optional<Peer> peer_of(const aio::Stream& client) {
  const auto address = client.peer_address();
  if (!address) return std::nullopt;
  return Peer{address->ip, address->kind == Address::Kind::ip};
}

}  // namespace

// Between requests a connection is this coroutine and its stream, so what it holds across its waits is what
// ten thousand idle clients cost.
aio::Task<> Worker::serve(aio::Stream client, daemon::ListenPointPtr) {
  const auto peer = peer_of(client);
  if (!peer) co_return;  // it has left already
  aio::TaskContext& task = co_await aio::this_task();
  // Requests that can be answered without waiting must not keep others of this thread from being served.
  constexpr unsigned kRequestsInARow = 64;
  for (unsigned served = 1;; ++served) {
    while (client.text().empty()) {
      if (closes_idle_) co_return;
      const IdleMark mark(*this, task);
      const auto received = co_await client.read_more(loop().in(snapshot_->config.client.idle_timeout));
      if (!received || *received == 0) co_return;
    }
    const auto next = co_await serve_request(client, *peer);
    if (next == Exchange::Next::passed_on) co_return;
    if (next == Exchange::Next::close) break;
    if (served % kRequestsInARow == 0) co_await aio::yield();
  }
  co_await linger(client);
}

// From a request's first byte to the end of its answer.
aio::Task<Exchange::Next> Worker::serve_request(aio::Stream& client, Peer peer) {
  const ClientSection& settings = snapshot_->config.client;
  const http::HeadLimits limits{settings.max_request_line.count, settings.max_header_bytes.count,
                                settings.max_headers};
  const aio::Deadline deadline = loop().in(settings.header_timeout);
  http::HeadScanner scanner;
  http::Refusal refusal;
  for (;;) {
    const auto progress = scanner.scan(client.text(), limits);
    if (progress == http::HeadScanner::Progress::complete) break;
    if (progress == http::HeadScanner::Progress::refused) {
      refusal = scanner.refusal();
    } else {
      const auto received = co_await client.read_more(deadline);
      if (received && *received > 0) continue;
      const bool late = !received && received.error().code == Errc::timed_out;
      const bool full = !received && received.error().code == Errc::limit;
      if (!late && !full) co_return Exchange::Next::close;
      refusal = late ? http::Refusal{408, "the request's head came too slowly"}
                     : http::Refusal{431, "the request's head is too long"};
    }
    auto exchange = take_exchange();
    co_await exchange->refuse(client, peer, refusal.status, refusal.reason);
    free_exchanges_.push_back(std::move(exchange));
    co_return Exchange::Next::close;
  }
  auto exchange = take_exchange();
  const auto next = co_await exchange->run(client, peer, scanner.size());
  free_exchanges_.push_back(std::move(exchange));
  co_return next;
}

// RFC 9112 9.6: closing at once, with bytes of the client's unread, would reset the connection and could take
// the answer away before the client has read it.
aio::Task<> Worker::linger(aio::Stream& client) {
  if (!client.finish_writing()) co_return;
  constexpr uint64_t kMostBytes = 1024 * 1024;
  const uint64_t before = client.bytes_in();
  const aio::Deadline deadline = loop().in(2s);
  while (client.bytes_in() - before < kMostBytes) {
    client.consume(client.text().size());
    const auto received = co_await client.read_more(deadline);
    if (!received || *received == 0) co_return;
  }
}

std::unique_ptr<Exchange> Worker::take_exchange() {
  if (free_exchanges_.empty()) return std::make_unique<Exchange>(*this);
  auto exchange = std::move(free_exchanges_.back());
  free_exchanges_.pop_back();
  return exchange;
}

void Worker::flush_events() {
  constexpr size_t kBatch = 16 * 1024;
  if (pending_events_.size() >= kBatch) hand_over_events();
}

void Worker::hand_over_events() {
  if (events_) events_->emit(pending_events_);
  pending_events_.clear();
}

// Ten times a second: events that wait for their batch to fill, idle connections that are no longer wanted.
aio::Task<> Worker::tick() {
  for (;;) {
    const auto slept = co_await aio::sleep_until(loop().in(100ms));
    hand_over_events();
    if (!slept) break;
    for (auto& [id, pool] : pools_) pool.prune(loop().in(0ms));
    std::erase_if(pools_, [](const auto& entry) { return entry.second.size() == 0; });
  }
  pools_.clear();  // before the loop ends
}

void Worker::on_drain() {
  frame_.tasks().spawn(close_idle_connections());
}

// A client may just be sending its next request. It gets a second to do so, and is then answered with
// "Connection: close"; only who is silent is hung up on.
aio::Task<> Worker::close_idle_connections() {
  const auto waited = co_await aio::sleep_until(loop().in(1s));
  (void)waited;  // cancelled: the connections have ended anyway
  closes_idle_ = true;
  for (Idle* idle = idle_; idle != nullptr; idle = idle->next) idle->task->cancel();
}

}  // namespace weir::proxy
