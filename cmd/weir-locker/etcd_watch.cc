// etcd's watches: any number of them in one call, each with an id.
//
// One task reads what the client wants, one does it and tells of changes, so that what it sends stands in one
// order. Nothing is queued for a client that reads slowly: each watch remembers how far it has come, and when
// the history does not reach back there any more, it is cancelled.

#include <deque>
#include <map>

#include "cmd/weir-locker/etcd_call.hh"
#include "cmd/weir-locker/etcd_messages.hh"
#include "cmd/weir-locker/watch.hh"

namespace weir::locker {

using namespace etcdserverpb;
using etcd::Reply;
using etcd::Status;
using keyspace::Revision;

namespace {

// One of the connection's bounded number.
class Following {
 public:
  Following(EtcdConnection& connection, const WatchCreateRequest& asked, keyspace::KeyRange range,
            aio::Event& arrived)
      : connection_(connection),
        watch(connection.engine, std::move(range), asked.start_revision(), arrived),
        wants_before(asked.prev_kv()),
        wants_progress(asked.progress_notify()) {
    ++connection_.watches;
    for (const int filter : asked.filters()) {
      if (filter == WatchCreateRequest::NOPUT) skips_puts = true;
      if (filter == WatchCreateRequest::NODELETE) skips_erasures = true;
    }
  }
  ~Following() { --connection_.watches; }
  Following(const Following&) = delete;
  Following& operator=(const Following&) = delete;

 private:
  EtcdConnection& connection_;

 public:
  Watch watch;
  const bool wants_before;
  const bool wants_progress;
  bool skips_puts = false;
  bool skips_erasures = false;
  bool is_fresh = false;  // it was told of something since progress was told last
};

class Watching {
 public:
  explicit Watching(EtcdCall& call) : call_(call), engine_(call.engine()) {}

  aio::Task<> receive();
  aio::Task<Status> serve();

 private:
  static constexpr size_t kMostWaiting = 16;

  aio::Task<Reply<>> answer(const WatchRequest& request);
  aio::Task<Reply<>> create(const WatchCreateRequest& asked);
  aio::Task<Reply<>> cancel(int64_t id);
  aio::Task<Reply<>> tell_changes();
  aio::Task<Reply<>> tell_changes(int64_t id, Following& following);
  aio::Task<Reply<>> tell_compacted(int64_t id);
  aio::Task<Reply<>> tell_progress();
  aio::Task<Reply<>> send(const WatchResponse& response);
  aio::Deadline next_deadline() const;

  EtcdCall& call_;
  Engine& engine_;
  aio::Event arrived_;  // there is something to do
  aio::Event room_;     // for a request
  std::deque<WatchRequest> requests_;
  std::optional<Status> failure_;  // of the client's side
  std::map<int64_t, Following> followings_;
  int64_t next_id_ = 0;
  bool wants_progress_now_ = false;
  aio::Deadline progress_due_ = aio::Deadline::never();
};

// A client that wants nothing else is still told of changes.
aio::Task<> Watching::receive() {
  for (;;) {
    WatchRequest request;
    const auto read = co_await call_.read(request);
    if (!read) {
      failure_ = read.error();
      arrived_.set();
    }
    if (!read || !*read) co_return;
    requests_.push_back(std::move(request));
    arrived_.set();
    while (requests_.size() >= kMostWaiting) {
      room_.reset();
      const auto has_room = co_await room_.wait(aio::Deadline::never());
      if (!has_room) co_return;
    }
  }
}

aio::Task<Status> Watching::serve() {
  progress_due_ = engine_.loop().in(call_.settings().progress);
  for (;;) {
    arrived_.reset();
    while (!requests_.empty()) {
      const WatchRequest request = std::move(requests_.front());
      requests_.pop_front();
      room_.set();
      const auto answered = co_await answer(request);
      if (!answered) co_return answered.error();
    }
    const auto told = co_await tell_changes();
    if (!told) co_return told.error();
    if (failure_) co_return *failure_;
    const auto woken = co_await arrived_.wait(next_deadline());
    if (!woken && woken.error().code != Errc::timed_out) co_return etcd_status(woken.error());
    if (!woken && call_.deadline() <= engine_.loop().in(Duration{0})) co_return etcd_status(woken.error());
  }
}

aio::Deadline Watching::next_deadline() const {
  return std::min(call_.deadline(), progress_due_);
}

aio::Task<Reply<>> Watching::answer(const WatchRequest& request) {
  switch (request.request_union_case()) {
    case WatchRequest::kCreateRequest:
      co_return co_await create(request.create_request());
    case WatchRequest::kCancelRequest:
      co_return co_await cancel(request.cancel_request().watch_id());
    case WatchRequest::kProgressRequest:
      wants_progress_now_ = true;
      break;
    case WatchRequest::REQUEST_UNION_NOT_SET:
      break;
  }
  co_return Reply<>();
}

aio::Task<Reply<>> Watching::create(const WatchCreateRequest& asked) {
  auto response = with_header<WatchResponse>(engine_.visible());
  response.set_created(true);
  const auto problem = [&]() -> std::string {
    if (call_.connection().watches >= call_.settings().watches)
      return "etcdserver: too many watches on this connection";
    if (asked.watch_id() < 0) return "etcdserver: a watch's id is negative";
    if (followings_.contains(asked.watch_id()) && asked.watch_id() != 0)
      return "mvcc: duplicate watch ID provided on the WatchStream";
    return "";
  }();
  if (!problem.empty()) {
    response.set_watch_id(-1);
    response.set_canceled(true);
    response.set_cancel_reason(problem);
    co_return co_await send(response);
  }
  int64_t id = asked.watch_id();
  if (id == 0) {
    while (followings_.contains(next_id_)) ++next_id_;
    id = next_id_++;
  }
  // No key is the first of all.
  keyspace::KeyRange range{asked.key().empty() ? std::string(1, '\0') : asked.key(), asked.range_end()};
  followings_.try_emplace(id, call_.connection(), asked, std::move(range), arrived_);
  response.set_watch_id(id);
  co_return co_await send(response);
}

aio::Task<Reply<>> Watching::cancel(int64_t id) {
  if (followings_.erase(id) == 0) co_return Reply<>();  // it has ended by itself, and the client was told
  auto response = with_header<WatchResponse>(engine_.visible());
  response.set_watch_id(id);
  response.set_canceled(true);
  co_return co_await send(response);
}

aio::Task<Reply<>> Watching::tell_changes() {
  const Revision until = engine_.visible();  // what comes while this is sent is told in the next round
  for (auto at = followings_.begin(); at != followings_.end();) {
    const auto present = at++;
    const auto told = co_await tell_changes(present->first, present->second);
    if (!told) co_return told;
  }
  if (std::exchange(wants_progress_now_, false)) {
    auto response = with_header<WatchResponse>(until);
    response.set_watch_id(-1);
    const auto sent = co_await send(response);
    if (!sent) co_return sent;
  }
  if (progress_due_ > engine_.loop().in(Duration{0})) co_return Reply<>();
  co_return co_await tell_progress();
}

void show(const keyspace::Change& change, bool with_before, mvccpb::Event* event) {
  if (change.now->version == 0) {
    event->set_type(mvccpb::Event::DELETE);
    event->mutable_kv()->set_key(change.now->key);
    event->mutable_kv()->set_mod_revision(change.now->modified);
  } else {
    show_key(*change.now, event->mutable_kv());
  }
  if (with_before && change.before != nullptr) show_key(*change.before, event->mutable_prev_kv());
}

aio::Task<Reply<>> Watching::tell_changes(int64_t id, Following& following) {
  const auto changes = following.watch.take();
  const Revision until = engine_.visible();
  if (!changes) {
    followings_.erase(id);
    co_return co_await tell_compacted(id);
  }
  auto response = with_header<WatchResponse>(until);
  response.set_watch_id(id);
  size_t bytes = 0;
  for (auto change = changes->begin(); change != changes->end(); ++change) {
    const bool is_erasure = change->now->version == 0;
    if (is_erasure ? following.skips_erasures : following.skips_puts) continue;
    show(*change, following.wants_before, response.add_events());
    bytes += response.events(response.events_size() - 1).ByteSizeLong();
    const auto next = std::next(change);
    const bool ends_revision = next == changes->end() || next->now->modified != change->now->modified;
    if (!ends_revision || bytes < call_.settings().watch_answer.count) continue;
    const auto sent = co_await send(response);
    if (!sent) co_return sent;
    following.is_fresh = true;
    response.clear_events();
    bytes = 0;
  }
  if (response.events_size() == 0) co_return Reply<>();
  following.is_fresh = true;
  co_return co_await send(response);
}

aio::Task<Reply<>> Watching::tell_compacted(int64_t id) {
  auto response = with_header<WatchResponse>(engine_.visible());
  response.set_watch_id(id);
  response.set_canceled(true);
  response.set_compact_revision(engine_.keys().forgotten() + 1);  // the first that can be watched from
  response.set_cancel_reason(std::string(etcd::kCompacted.text));
  co_return co_await send(response);
}

aio::Task<Reply<>> Watching::tell_progress() {
  progress_due_ = engine_.loop().in(call_.settings().progress);
  const Revision until = engine_.visible();
  std::vector<int64_t> quiet;
  for (auto& [id, following] : followings_) {
    const bool was_told = std::exchange(following.is_fresh, false);
    if (following.wants_progress && !was_told) quiet.push_back(id);
  }
  for (const int64_t id : quiet) {
    auto response = with_header<WatchResponse>(until);
    response.set_watch_id(id);
    const auto sent = co_await send(response);
    if (!sent) co_return sent;
  }
  co_return Reply<>();
}

aio::Task<Reply<>> Watching::send(const WatchResponse& response) {
  const auto added = call_.add(response);
  if (!added) co_return added;
  co_return co_await call_.send();
}

aio::Task<Status> watch(EtcdCall& call) {
  aio::TaskContext& me = co_await aio::this_task();
  const aio::IdleList::Mark mark(call.engine().listeners(), me);
  Watching watching(call);
  aio::Scope receiving(call.engine().loop());
  receiving.spawn(watching.receive());
  auto status = co_await watching.serve();
  co_await receiving.close();
  co_return status;
}

}  // namespace

EtcdMethod etcd_watch_method(std::string_view name) {
  return name == "Watch" ? watch : nullptr;
}

}  // namespace weir::locker
