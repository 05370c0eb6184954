#include "cmd/weir-lock/server.hh"

#include <unistd.h>

#include "pkg/base/json.hh"
#include "pkg/http/query.hh"
#include "pkg/http/write.hh"

namespace weir::locking {

namespace {

// The server takes durations only: longer than any lock is waited for.
constexpr const char* kForEver = "3650d";

http::ClientSettings client_settings(const ServerSettings& settings) {
  http::ClientSettings client;
  client.endpoint = settings.endpoint;
  client.tls = settings.tls;
  if (!settings.token.empty()) http::append_field(client.fields, "Authorization", "Bearer " + settings.token);
  return client;
}

http::ClientRequest request_of(http::Method method, std::string target) {
  http::ClientRequest request;
  request.method = method;
  request.target = std::move(target);
  return request;
}

http::ClientRequest post(std::string target, std::string json) {
  http::ClientRequest request = request_of(http::Method::post, std::move(target));
  request.content_type = "application/json";
  request.body = std::move(json);
  return request;
}

std::string session_path(const std::string& session) {
  return "/v1/sessions/" + http::percent_encoded(session);
}

std::string lock_path(const std::string& name) {
  return "/v1/locks/" + http::percent_encoded(name, true);
}

void append_who(JsonWriter& json, const std::string& reason) {
  char host[256] = {};
  if (gethostname(host, sizeof host - 1) == 0) json.key("host").string(host);
  json.key("pid").number(static_cast<uint64_t>(getpid()));
  if (!reason.empty()) json.key("reason").string(reason);
}

std::string_view mode_text(Mode mode) {
  switch (mode) {
    case Mode::exclusive:
      return "exclusive";
    case Mode::shared:
      return "shared";
    case Mode::semaphore:
      break;
  }
  return "semaphore";
}

void append_claim(JsonWriter& json, const Claim& claim) {
  json.key("names").begin_array();
  for (const std::string& name : claim.names) json.string(name);
  json.end_array().key("mode").string(mode_text(claim.mode));
  if (claim.mode == Mode::semaphore) json.key("permits").number(claim.permits);
  if (!claim.text.empty()) json.key("text").string(claim.text);
}

Trouble trouble_of(const http::ClientAnswer& answer) {
  using Kind = Trouble::Kind;
  std::string words = problem_detail(answer.body);
  if (words.empty()) words = "the server answered with status " + std::to_string(answer.status);
  switch (answer.status) {
    case 401:
    case 403:
      return {Kind::denied, std::move(words)};
    case 404:
      return {Kind::missing, std::move(words)};
    case 409:
      return {Kind::held, std::move(words)};
    case 413:
    case 429:
      return {Kind::full, std::move(words)};
    default:
      break;
  }
  return {answer.status >= 500 ? Kind::unreachable : Kind::wrong, std::move(words)};
}

template <typename T>
Reply<T> understood(Result<T> read) {
  if (read) return std::move(*read);
  return std::unexpected(Trouble{Trouble::Kind::foreign, "the server gave " + read.error().message});
}

// Of a call that every lock server knows, and that speaks of nothing that might be missing.
std::unexpected<Trouble> plain(Trouble trouble) {
  if (trouble.kind == Trouble::Kind::missing)
    return std::unexpected(
        Trouble{Trouble::Kind::foreign, "what answers is no lock server: " + trouble.message});
  return std::unexpected(std::move(trouble));
}

}  // namespace

bool is_plainly_held(const Trouble& trouble) {
  return trouble.kind == Trouble::Kind::held && trouble.message.starts_with("held by others");
}

Server::Server(aio::Loop& loop, const ServerSettings& settings)
    : endpoint_(settings.endpoint), client_(loop, client_settings(settings)) {}

Trouble Server::unreachable(const Error& error) const {
  return {Trouble::Kind::unreachable,
          "no answer from the lock server at " + endpoint_.to_string() + ": " + error.message};
}

aio::Task<Reply<std::string>> Server::call(http::ClientRequest request, aio::Deadline deadline) {
  auto answer = co_await client_.ask(std::move(request), deadline);
  if (!answer) co_return std::unexpected(unreachable(answer.error()));
  if (answer->status >= 300) co_return std::unexpected(trouble_of(*answer));
  co_return std::move(answer->body);
}

aio::Task<Reply<SessionState>> Server::begin_session(Duration ttl, std::string reason,
                                                     aio::Deadline deadline) {
  std::string body;
  JsonWriter json(body);
  json.begin_object().key("ttl").string(format_duration(ttl));
  append_who(json, reason);
  json.end_object();
  const auto answer = co_await call(post("/v1/sessions", std::move(body)), deadline);
  if (!answer) co_return plain(answer.error());
  co_return understood(parse_session(*answer));
}

aio::Task<Reply<SessionState>> Server::keep_alive(std::string session, aio::Deadline deadline) {
  const auto answer = co_await call(request_of(http::Method::put, session_path(session)), deadline);
  if (!answer) co_return std::unexpected(answer.error());
  co_return understood(parse_session(*answer));
}

aio::Task<Reply<>> Server::end_session(std::string session, aio::Deadline deadline) {
  const auto answer = co_await call(request_of(http::Method::delete_, session_path(session)), deadline);
  if (!answer) co_return std::unexpected(answer.error());
  co_return Reply<>();
}

aio::Task<Reply<Grant>> Server::take(std::string body, aio::Deadline deadline) {
  const auto answer = co_await call(post("/v1/locks", std::move(body)), deadline);
  if (!answer) co_return std::unexpected(answer.error());
  co_return understood(parse_grant(*answer));
}

aio::Task<Reply<Grant>> Server::take(Claim claim, std::string session, std::optional<Duration> patience,
                                     aio::Deadline deadline) {
  std::string body;
  JsonWriter json(body);
  json.begin_object().key("session").string(session);
  append_claim(json, claim);
  json.key("wait").string(patience ? format_duration(*patience) : kForEver).end_object();
  co_return co_await take(std::move(body), deadline);
}

aio::Task<Reply<Grant>> Server::take_for(Claim claim, Duration ttl, aio::Deadline deadline) {
  std::string body;
  JsonWriter json(body);
  json.begin_object().key("ttl").string(format_duration(ttl));
  append_claim(json, claim);
  append_who(json, claim.reason);
  json.end_object();
  co_return co_await take(std::move(body), deadline);
}

aio::Task<Reply<>> Server::release(std::string name, std::string session, aio::Deadline deadline) {
  std::string target = lock_path(name) + "?session=" + http::percent_encoded(session);
  const auto answer = co_await call(request_of(http::Method::delete_, std::move(target)), deadline);
  if (!answer) co_return std::unexpected(answer.error());
  co_return Reply<>();
}

aio::Task<Reply<LockState>> Server::look(std::string name, aio::Deadline deadline) {
  const auto answer = co_await call(request_of(http::Method::get, lock_path(name)), deadline);
  if (!answer) co_return plain(answer.error());
  co_return understood(parse_lock(*answer));
}

aio::Task<Reply<LockState>> Server::look_after(std::string name, uint64_t revision, Duration wait,
                                               aio::Deadline deadline) {
  std::string target =
      lock_path(name) + "?wait=" + format_duration(wait) + "&after=" + std::to_string(revision);
  const auto answer = co_await call(request_of(http::Method::get, std::move(target)), deadline);
  if (!answer) co_return plain(answer.error());
  co_return understood(parse_lock(*answer));
}

aio::Task<Reply<LockList>> Server::list(std::string prefix, aio::Deadline deadline) {
  std::string target = "/v1/locks?prefix=" + http::percent_encoded(prefix);
  const auto answer = co_await call(request_of(http::Method::get, std::move(target)), deadline);
  if (!answer) co_return plain(answer.error());
  co_return understood(parse_locks(*answer));
}

aio::Task<Reply<>> Server::follow(std::string prefix, aio::Deadline deadline) {
  std::string target = "/v1/events";
  if (!prefix.empty()) target += "/" + http::percent_encoded(prefix, true);
  auto begun = co_await client_.begin(request_of(http::Method::get, std::move(target)), deadline);
  if (!begun) co_return std::unexpected(unreachable(begun.error()));
  if (begun->status == 200) co_return Reply<>();
  for (;;) {
    const auto piece = co_await client_.read(deadline);
    if (!piece || piece->empty()) co_return plain(trouble_of(*begun));
    begun->body += *piece;
  }
}

aio::Task<Reply<std::string>> Server::read(aio::Deadline deadline) {
  auto piece = co_await client_.read(deadline);
  if (!piece) co_return std::unexpected(unreachable(piece.error()));
  co_return std::move(*piece);
}

}  // namespace weir::locking
