#include "cmd/weir-locker/http_requests.hh"
#include "cmd/weir-locker/locks.hh"
#include "pkg/base/json.hh"
#include "pkg/daemon/json_body.hh"

namespace weir::locker {

namespace {

constexpr size_t kMostListed = 10'000;

http::ServerResponse show_session(const Engine& engine, const std::string& name) {
  const keyspace::Lease* const lease = engine.keys().find_lease(parse_session(name));
  if (lease == nullptr) return problem(404, "there is no such session");
  return json_response(200, session_json(*lease, engine.now()));
}

http::ServerResponse list_sessions(const Engine& engine) {
  std::string json = "{\"sessions\":[";
  size_t count = 0;
  for (const auto& [id, lease] : engine.keys().leases()) {
    if (count == kMostListed) break;
    if (count++ > 0) json += ',';
    json += session_json(lease, engine.now());
  }
  json += "],\"count\":" + std::to_string(engine.keys().leases().size()) + "}";
  return json_response(200, std::move(json));
}

aio::Task<http::ServerResponse> begin(Engine& engine, const HttpCall& call) {
  auto body = daemon::JsonBody::parse(call.body);
  if (!body) co_return problem(body.error());
  const SessionWanted wanted = read_session(*body);
  if (!body->is_fine()) co_return to_http(body->refusal());
  const auto id = co_await begin_session(engine, wanted.ttl, to_note(wanted.holder));
  if (!id) co_return problem(id.error());
  auto response = show_session(engine, session_text(*id));
  if (response.status == 200) response.status = 201;
  co_return response;
}

aio::Task<http::ServerResponse> end(Engine& engine, const HttpCall& call) {
  const auto ended = co_await end_session(engine, parse_session(call.name));
  if (!ended) co_return problem(ended.error());
  co_return json_response(200, "{}");
}

}  // namespace

SessionWanted read_session(daemon::JsonBody& body) {
  SessionWanted wanted;
  if (const auto ttl = read_duration(body, "ttl")) wanted.ttl = std::chrono::ceil<keyspace::Millis>(*ttl);
  wanted.holder.host = body.string("host").value_or("");
  wanted.holder.pid = body.integer("pid", 0, 1U << 31).value_or(0);
  wanted.holder.reason = body.string("reason").value_or("");
  return wanted;
}

std::optional<Duration> read_duration(daemon::JsonBody& body, std::string_view name) {
  const auto text = body.string(name);
  if (!text) return std::nullopt;
  const auto parsed = parse_duration(*text);
  if (parsed) return *parsed;
  body.fail(name, parsed.error().message);
  return std::nullopt;
}

aio::Task<http::ServerResponse> answer_sessions(Engine& engine, HttpCall call) {
  using Method = http::Method;
  if (call.name.empty()) {
    if (call.method == Method::post) co_return co_await begin(engine, call);
    if (call.method != Method::get) co_return wrong_method("GET, POST");
  } else if (call.method == Method::put) {
    if (!engine.keep_alive(parse_session(call.name))) co_return problem(404, "there is no such session");
  } else if (call.method == Method::delete_) {
    co_return co_await end(engine, call);
  } else if (call.method != Method::get) {
    co_return wrong_method("GET, PUT, DELETE");
  }
  co_return call.name.empty() ? list_sessions(engine) : show_session(engine, call.name);
}

}  // namespace weir::locker
