#include "pkg/daemon/event_hub.hh"

#include <algorithm>

#include "pkg/base/json.hh"
#include "pkg/base/text.hh"

namespace weir::daemon {
namespace {

constexpr size_t kMostBatchBytes = 64 * 1024;
constexpr int kDecimals = 3;

void append_member(JsonWriter& json, const EventHub::Member& member) {
  json.key(member.key);
  struct Append {
    JsonWriter& json;
    void operator()(std::string_view text) { json.string(text); }
    void operator()(uint64_t number) { json.number(number); }
    void operator()(double number) { json.number(number, kDecimals); }
    void operator()(bool truth) { json.boolean(truth); }
  };
  std::visit(Append{json}, member.value);
}

// "id: EPOCH-NUMBER\nevent: TYPE\ndata: {…}\n\n". The JSON has no raw line breaks.
std::string format_event(const std::string& epoch, uint64_t number, std::string_view type,
                         const std::string& data) {
  std::string out = "id: " + epoch + "-";
  append_uint(out, number);
  out += "\nevent: ";
  out += type;
  out += "\ndata: ";
  out += data;
  out += "\n\n";
  return out;
}

}  // namespace

EventHub::Registration::Registration(EventHub& owner, Client& one) : hub(owner), client(one) {
  hub.clients_.push_back(&client);
  const std::lock_guard lock(hub.mutex_);
  hub.is_listened_to_ = true;
}

EventHub::Registration::~Registration() {
  std::erase(hub.clients_, &client);
  const std::lock_guard lock(hub.mutex_);
  hub.is_listened_to_ = !hub.clients_.empty();
}

EventHub::EventHub(aio::Loop& loop, WallTime start)
    : loop_(loop),
      epoch_(std::to_string(
          std::chrono::duration_cast<std::chrono::milliseconds>(start.time_since_epoch()).count())) {}

void EventHub::publish(std::string_view type, std::initializer_list<Member> members) {
  std::string data;
  std::string time;
  append_rfc3339(time, WallTime::clock::now());
  JsonWriter json(data);
  json.begin_object().key("time").string(time).key("event").string(type);
  for (const Member& member : members) append_member(json, member);
  json.end_object();
  if (data.size() > kMostEventBytes) return publish(type, {{"too_long", true}});

  bool must_post = false;
  {
    const std::lock_guard lock(mutex_);
    kept_.push_back(format_event(epoch_, end_++, type, data));
    kept_bytes_ += kept_.back().size();
    while (kept_.size() > kMostEvents || kept_bytes_ > kMostBytes) {
      kept_bytes_ -= kept_.front().size();
      kept_.pop_front();
    }
    must_post = is_listened_to_ && !std::exchange(is_delivery_posted_, true);
  }
  if (must_post) loop_.post([this] { deliver(); });
}

void EventHub::deliver() {
  uint64_t oldest = 0;
  {
    const std::lock_guard lock(mutex_);
    is_delivery_posted_ = false;
    oldest = end_ - kept_.size();
  }
  for (Client* client : clients_) {
    if (client->next >= oldest) {
      client->arrived.set();
    } else if (!client->task->cancelled) {
      dropped_clients_.fetch_add(1, std::memory_order_relaxed);
      client->task->cancel();
    }
  }
}

EventHub::Resumption EventHub::resume(std::string_view last_id) {
  const std::lock_guard lock(mutex_);
  Resumption out{end_, "retry: 2000\n\n"};
  if (last_id.empty()) return out;
  const uint64_t oldest = end_ - kept_.size();
  const size_t dash = last_id.find('-');
  const bool is_ours = dash != std::string_view::npos && last_id.substr(0, dash) == epoch_;
  const auto number = is_ours ? parse_uint(last_id.substr(dash + 1)) : std::nullopt;
  const bool is_known = number && *number < end_ && *number + 1 >= oldest;
  out.next = is_known ? *number + 1 : oldest;
  // Without an id of its own: who is cut off here comes back with the id it had.
  if (!is_known) out.greeting += "event: missed\ndata: {\"event\":\"missed\"}\n\n";
  return out;
}

std::optional<std::string> EventHub::take(uint64_t& next) {
  const std::lock_guard lock(mutex_);
  const uint64_t oldest = end_ - kept_.size();
  if (next < oldest) return std::nullopt;
  std::string batch;
  while (next < end_ && batch.size() < kMostBatchBytes) batch += kept_[next++ - oldest];
  return batch;
}

aio::Task<> EventHub::serve(std::string last_id, http::BodyWriter& out) {
  aio::TaskContext& me = co_await aio::this_task();
  const Resumption from = resume(last_id);
  Client client{from.next, &me};
  const Registration registration(*this, client);
  auto sent = co_await out.write(from.greeting);
  while (sent && !me.cancelled) {
    client.arrived.reset();
    const auto batch = take(client.next);
    if (!batch) {
      dropped_clients_.fetch_add(1, std::memory_order_relaxed);
      me.cancel();
    } else if (!batch->empty()) {
      sent = co_await out.write(*batch);
    } else {
      const auto waited = co_await client.arrived.wait(loop_.in(kHeartbeat));
      if (!waited && waited.error().code == Errc::timed_out) sent = co_await out.write(": still here\n\n");
    }
  }
}

}  // namespace weir::daemon
