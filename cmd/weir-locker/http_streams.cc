// What goes on for as long as a client listens: server-sent events.

#include <deque>

#include "cmd/weir-locker/http_requests.hh"
#include "cmd/weir-locker/watch.hh"
#include "pkg/base/json.hh"

namespace weir::locker {

namespace {

using namespace std::chrono_literals;

constexpr Duration kHeartbeat = 15s;  // keeps what stands between from cutting a quiet connection
constexpr size_t kMostUnsent = 1000;

std::string event_text(std::string_view type, std::string_view json) {
  return "event: " + std::string(type) + "\ndata: " + std::string(json) + "\n\n";
}

// All that happens to the locks below a prefix, from now on.
aio::Task<> send_happenings(Engine& engine, std::string prefix, http::BodyWriter& out) {
  std::deque<std::string> unsent;
  bool is_behind = false;
  aio::Event arrived;
  const auto listening = engine.happenings().listen([&](const Happening& happening) {
    if (!happening.name.starts_with(prefix)) return;
    is_behind = is_behind || unsent.size() == kMostUnsent;
    if (!is_behind)
      unsent.push_back(event_text(to_string(happening.kind, happening.cause), happening_json(happening)));
    arrived.set();
  });
  for (;;) {
    while (!unsent.empty()) {
      const auto sent = co_await out.write(unsent.front());
      if (!sent) co_return;
      unsent.pop_front();
    }
    if (is_behind) co_return;  // whoever cannot follow is told by the end
    const auto woken = co_await arrived.wait(engine.loop().in(kHeartbeat));
    if (!woken && woken.error().code == Errc::cancelled) co_return;
    arrived.reset();
    if (woken) continue;
    const auto sent = co_await out.write(": still there\n\n");
    if (!sent) co_return;
  }
}

// The leader now, then each one that follows; nobody, while there is none.
std::string leader_json(const Engine& engine, const std::string& name, keyspace::Revision& token) {
  const lock::Queue* const queue = engine.locks().find(name);
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("name").string(name).key("leader");
  token = 0;
  if (queue == nullptr) {
    json.null();
  } else {
    const auto& [ticket, claimant] = *queue->claimants().begin();
    token = ticket.token;
    json.begin_object().key("token").number(ticket.token);
    json.key("session")
        .string(session_text(ticket.lease))
        .key("text")
        .string(claimant.claim.text)
        .end_object();
  }
  json.end_object();
  return out;
}

aio::Task<> send_leaders(Engine& engine, std::string name, http::BodyWriter& out) {
  Watch watch(engine, lock::queue_range(name));
  std::string last;
  for (;;) {
    keyspace::Revision token = 0;
    std::string now = leader_json(engine, name, token);
    const auto settled = co_await engine.settle();
    if (!settled) co_return;
    if (now != last) {
      const auto sent = co_await out.write(event_text("leader", now));
      if (!sent) co_return;
      last = std::move(now);
    }
    const auto changes = watch.take();
    if (!changes) co_return;
    if (!changes->empty()) continue;
    const auto arrived = co_await watch.arrival(engine.loop().in(kHeartbeat));
    if (!arrived && arrived.error().code == Errc::cancelled) co_return;
    if (arrived) continue;
    const auto sent = co_await out.write(": still there\n\n");
    if (!sent) co_return;
  }
}

}  // namespace

aio::Task<http::ServerResponse> answer_streams(Engine& engine, HttpCall call) {
  if (call.method != http::Method::get) co_return wrong_method("GET");
  http::ServerResponse response;
  response.content_type = "text/event-stream";
  response.fields = "Cache-Control: no-store\r\n";
  if (call.collection == "events") {
    response.producer = [&engine, prefix = call.name](http::BodyWriter& out) {
      return send_happenings(engine, prefix, out);
    };
    co_return response;
  }
  if (const char* const wrong = lock::name_problem(call.name)) co_return problem(400, wrong);
  response.producer = [&engine, name = call.name](http::BodyWriter& out) {
    return send_leaders(engine, name, out);
  };
  co_return response;
}

}  // namespace weir::locker
