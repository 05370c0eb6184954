#include <algorithm>

#include "cmd/weir-locker/http_requests.hh"
#include "cmd/weir-locker/locks.hh"
#include "cmd/weir-locker/watch.hh"
#include "pkg/base/json.hh"
#include "pkg/base/text.hh"
#include "pkg/http/query.hh"

namespace weir::locker {

namespace {

// Who wants to see more of them asks by prefix.
constexpr size_t kMostListed = 10'000;
constexpr size_t kMostListedBytes = 4 << 20;

struct AcquireCall {
  Wanted wanted;
  SessionWanted session;  // to be begun, where `wanted` names none
};

// Long waits end when the client leaves: what it waited for must not be granted to nobody.
class EndsWithClient {
 public:
  EndsWithClient(aio::Stream& client, aio::TaskContext& task) : client_(client) {
    client_.cancel_when_peer_leaves(&task);
  }
  ~EndsWithClient() { client_.cancel_when_peer_leaves(nullptr); }
  EndsWithClient(const EndsWithClient&) = delete;
  EndsWithClient& operator=(const EndsWithClient&) = delete;

 private:
  aio::Stream& client_;
};

AcquireCall read_acquire(daemon::JsonBody& body, const HttpCall& call) {
  AcquireCall read;
  Wanted& wanted = read.wanted;
  if (call.name.empty()) {
    body.require("names");
    wanted.names = body.strings("names").value_or(std::vector<std::string>{});
  } else {
    wanted.names = {call.name};
  }
  const auto session = body.string("session");
  if (session) {
    wanted.session = parse_session(*session);
    if (wanted.session == 0) body.fail("session", "not a session's id");
    if (body.has("ttl")) body.fail("ttl", "a session has its own");
  } else if (!body.has("ttl")) {
    body.fail("session", "needed, or \"ttl\" for a session of its own");
  }
  read.session = read_session(body);
  wanted.claim.holder = read.session.holder;
  const auto mode = body.choice("mode", {"exclusive", "shared", "semaphore"});
  if (mode) wanted.claim.mode = *lock::parse_mode(*mode);
  const auto permits = body.integer("permits", 1, 1'000'000);
  if (permits) wanted.claim.permits = static_cast<uint32_t>(*permits);
  if (wanted.claim.mode == lock::Mode::semaphore) body.require("permits");
  if (permits && wanted.claim.mode != lock::Mode::semaphore)
    body.fail("permits", "only a semaphore has some");
  const bool is_election = call.collection == "elections";
  wanted.patience = read_duration(body, "wait").value_or(is_election ? Duration::max() : Duration{0});
  wanted.again = body.boolean("again").value_or(false);
  if (const auto delay = read_duration(body, "delay"))
    wanted.claim.delay = std::chrono::ceil<keyspace::Millis>(*delay);
  wanted.claim.text = body.string("text").value_or("");
  return read;
}

std::string held_json(const Wanted& wanted, const Held& held) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("names").begin_array();
  for (const std::string& name : wanted.names) json.string(name);
  json.end_array().key("token").number(held.token);
  json.key("session").string(session_text(wanted.session));
  json.key("holds").number(uint64_t{held.holds}).end_object();
  return out;
}

aio::Task<http::ServerResponse> take(Engine& engine, HttpCall call) {
  auto body = daemon::JsonBody::parse(call.body);
  if (!body) co_return problem(body.error());
  AcquireCall read = read_acquire(*body, call);
  if (!body->is_fine()) co_return to_http(body->refusal());
  aio::TaskContext& me = co_await aio::this_task();
  const EndsWithClient watched(call.client, me);
  const bool has_own_session = read.wanted.session == 0;
  if (has_own_session) {
    // Not worth waiting for: nothing is told before the grant, which comes later in the journal.
    const keyspace::LeaseId id = engine.fresh_lease_id();
    keyspace::Request request;
    request.then.emplace_back(keyspace::Grant{id, read.session.ttl, true, to_note(read.session.holder)});
    const auto begun = engine.begin(request);
    if (!begun) co_return problem(begun.error());
    read.wanted.session = id;
  } else if (const auto* lease = engine.keys().find_lease(read.wanted.session)) {
    lock::Holder& holder = read.wanted.claim.holder;
    const std::string reason = holder.reason;
    if (holder.host.empty() && holder.pid == 0) holder = lock::holder_of(lease->note);
    if (!reason.empty()) holder.reason = reason;
  }
  aio::Scope keeping(engine.loop());
  if (has_own_session && read.wanted.patience > Duration{0})
    keeping.spawn(keep_session(engine, read.wanted.session, read.session.ttl / 3));
  const auto held = co_await acquire(engine, read.wanted);
  co_await keeping.close();
  if (held) {
    if (has_own_session) engine.keep_alive(read.wanted.session);  // its time begins with the grant
    co_return json_response(200, held_json(read.wanted, *held));
  }
  if (has_own_session) {
    keyspace::Request request;
    request.then.emplace_back(keyspace::Revoke{read.wanted.session});
    (void)engine.begin(request);  // else it ends by itself
  }
  auto response = problem(held.error());
  if (held.error().code == Errc::timed_out)
    response = problem(409, "held by others, for as long as was waited");
  co_return response;
}

aio::Task<http::ServerResponse> give_back(Engine& engine, HttpCall call) {
  const auto session = http::query_value(call.query, "session");
  if (!session) co_return problem(400, "whose? name the session: ?session=ID");
  Release wanted;
  wanted.names = {call.name};
  wanted.session = parse_session(*session);
  const auto released = co_await release(engine, std::move(wanted));
  if (!released) co_return problem(released.error());
  co_return json_response(200, "{}");
}

http::ServerResponse list_locks(const Engine& engine, const HttpCall& call) {
  const std::string prefix = http::query_value(call.query, "prefix").value_or("");
  const auto& queues = engine.locks().queues();
  std::string json = "{\"locks\":[";
  size_t count = 0;
  for (auto at = queues.lower_bound(prefix); at != queues.end() && at->first.starts_with(prefix); ++at) {
    if (count++ >= kMostListed || json.size() > kMostListedBytes) continue;
    if (count > 1) json += ',';
    json += lock_json(engine, at->first);
  }
  json += "],\"count\":" + std::to_string(count) + "}";
  return json_response(200, std::move(json));
}

// Shows a lock as it is; with "wait", once something about it has changed after the revision "after".
aio::Task<http::ServerResponse> show_lock(Engine& engine, HttpCall call) {
  if (const char* const wrong = lock::name_problem(call.name)) co_return problem(400, wrong);
  const auto wait = http::query_value(call.query, "wait");
  if (wait) {
    const auto patience = parse_duration(*wait);
    if (!patience) co_return problem(400, "wait: " + patience.error().message);
    const auto after = parse_uint(http::query_value(call.query, "after").value_or(""));
    if (!after) co_return problem(400, "\"wait\" needs \"after\": the revision that was seen last");
    aio::TaskContext& me = co_await aio::this_task();
    const EndsWithClient watched(call.client, me);
    Watch watch(engine, lock::queue_range(call.name), static_cast<keyspace::Revision>(*after) + 1);
    const aio::Deadline deadline = engine.loop().in(std::min<Duration>(*patience, std::chrono::hours(1)));
    for (;;) {
      const auto changes = watch.take();
      if (!changes || !changes->empty() || engine.is_ending())
        break;  // too late for the history: show what is
      const auto arrived = co_await watch.arrival(deadline);
      if (!arrived) break;
    }
  }
  co_return json_response(200, lock_json(engine, call.name));
}

}  // namespace

http::ServerResponse to_http(const daemon::ApiResponse& response) {
  const char* const type = response.is_problem ? "application/problem+json" : "application/json";
  return {.status = response.status, .content_type = type, .body = response.json + "\n"};
}

http::ServerResponse wrong_method(std::string_view allowed) {
  auto response = problem(405, "this takes " + std::string(allowed));
  response.fields = "Allow: " + std::string(allowed) + "\r\n";
  return response;
}

aio::Task<http::ServerResponse> answer_locks(Engine& engine, HttpCall call) {
  using Method = http::Method;
  if (call.method == Method::post) co_return co_await take(engine, std::move(call));
  if (call.name.empty()) {
    if (call.method != Method::get) co_return wrong_method("GET, POST");
    co_return list_locks(engine, call);
  }
  if (call.method == Method::delete_) co_return co_await give_back(engine, std::move(call));
  if (call.method != Method::get) co_return wrong_method("GET, POST, DELETE");
  co_return co_await show_lock(engine, std::move(call));
}

}  // namespace weir::locker
