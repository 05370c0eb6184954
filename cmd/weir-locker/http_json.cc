#include "cmd/weir-locker/http_json.hh"

#include "pkg/base/json.hh"
#include "pkg/base/text.hh"
#include "pkg/daemon/api_response.hh"

namespace weir::locker {

namespace {

void append_holder(JsonWriter& json, const lock::Holder& holder) {
  if (!holder.host.empty()) json.key("host").string(holder.host);
  if (holder.pid != 0) json.key("pid").number(holder.pid);
  if (!holder.reason.empty()) json.key("reason").string(holder.reason);
}

void append_claim(JsonWriter& json, const lock::Claim& claim) {
  json.key("mode").string(to_string(claim.mode));
  if (claim.mode == lock::Mode::semaphore) json.key("permits").number(uint64_t{claim.permits});
  if (claim.holds > 1) json.key("holds").number(uint64_t{claim.holds});
  if (claim.delay.count() > 0) json.key("delay_ms").number(static_cast<int64_t>(claim.delay.count()));
  if (claim.is_delay) json.key("is_delay").boolean(true);
  if (!claim.text.empty()) json.key("text").string(claim.text);
  append_holder(json, claim.holder);
}

std::string rfc3339(int64_t milliseconds) {
  std::string text;
  append_rfc3339(text, WallTime(std::chrono::milliseconds(milliseconds)));
  return text;
}

void append_claimants(JsonWriter& json, const lock::Queue* queue, bool granted) {
  json.begin_array();
  if (queue != nullptr) {
    for (const auto& [ticket, claimant] : queue->claimants()) {
      if (claimant.is_granted != granted) continue;
      json.begin_object().key("token").number(ticket.token);
      json.key("session").string(session_text(ticket.lease));
      if (claimant.since != 0) json.key("since").string(rfc3339(claimant.since));
      append_claim(json, claimant.claim);
      json.end_object();
    }
  }
  json.end_array();
}

int status_of(Errc code) {
  switch (code) {
    case Errc::invalid:
      return 400;
    case Errc::not_found:
      return 404;
    case Errc::refused:
    case Errc::timed_out:
      return 409;
    case Errc::limit:
      return 413;
    case Errc::cancelled:
    case Errc::closed:
    case Errc::unavailable:
    case Errc::internal:
      return 503;
  }
  return 500;
}

}  // namespace

std::string session_text(keyspace::LeaseId id) {
  std::string key = lock::key_of("", id);
  return key.substr(1);
}

keyspace::LeaseId parse_session(std::string_view text) {
  return static_cast<keyspace::LeaseId>(parse_hex(text).value_or(0));
}

std::string session_json(const keyspace::Lease& lease, keyspace::Millis now) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("session").string(session_text(lease.id));
  json.key("ttl_ms").number(static_cast<int64_t>(lease.ttl.count()));
  json.key("left_ms").number(std::max<int64_t>((lease.ends - now).count(), 0));
  append_holder(json, lock::holder_of(lease.note));
  json.key("locks").begin_array();
  for (const std::string& key : lease.keys) {
    if (const auto parsed = lock::parse_key(key)) json.string(parsed->name);
  }
  json.end_array().end_object();
  return out;
}

std::string lock_json(const Engine& engine, const std::string& name) {
  const lock::Queue* const queue = engine.locks().find(name);
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("name").string(name);
  json.key("revision").number(engine.keys().revision());
  json.key("holders");
  append_claimants(json, queue, true);
  json.key("waiters");
  append_claimants(json, queue, false);
  json.end_object();
  return out;
}

std::string_view to_string(lock::Happening::Kind kind, Cause cause) {
  switch (kind) {
    case lock::Happening::Kind::claimed:
      return "claimed";
    case lock::Happening::Kind::granted:
      return "granted";
    case lock::Happening::Kind::withdrawn:
      return "withdrawn";
    case lock::Happening::Kind::released:
      break;
  }
  switch (cause) {
    case Cause::client:
    case Cause::given_up:
      return "released";
    case Cause::expired:
      return "expired";
    case Cause::forced:
      return "forced";
  }
  return "";
}

std::string happening_json(const Happening& happening) {
  std::string out;
  std::string time;
  append_rfc3339(time, WallTime::clock::now());
  JsonWriter json(out);
  json.begin_object().key("time").string(time).key("event").string(
      to_string(happening.kind, happening.cause));
  json.key("lock").string(happening.name).key("token").number(happening.ticket.token);
  json.key("session").string(session_text(happening.ticket.lease));
  append_claim(json, happening.claim);
  json.end_object();
  return out;
}

http::ServerResponse json_response(int status, std::string json) {
  json += '\n';
  return {.status = status, .content_type = "application/json", .body = std::move(json)};
}

http::ServerResponse problem(int status, std::string_view detail) {
  const auto described = daemon::ApiResponse::problem(status, detail);
  return {.status = status, .content_type = "application/problem+json", .body = described.json + "\n"};
}

http::ServerResponse problem(const Error& error) {
  return problem(status_of(error.code), error.message);
}

}  // namespace weir::locker
