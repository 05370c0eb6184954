#include "cmd/weir-locker/http_door.hh"

#include "cmd/weir-locker/http_requests.hh"
#include "pkg/daemon/admin_access.hh"
#include "pkg/http/query.hh"

namespace weir::locker {

namespace {

constexpr size_t kMostStreams = 4096;

// "/v1/locks/a/b": the collection "locks", the name "a/b".
HttpCall parse_call(const http::ServerRequest& request) {
  constexpr std::string_view kBase = "/v1/";
  HttpCall call{request.head.method, {}, {}, std::string(request.head.query), std::string(request.body),
                request.client};
  if (!request.path.starts_with(kBase)) return call;
  const std::string_view rest = request.path.substr(kBase.size());
  const size_t slash = rest.find('/');
  call.collection = rest.substr(0, slash);
  if (slash != std::string_view::npos) call.name = http::percent_decoded(rest.substr(slash + 1));
  return call;
}

}  // namespace

HttpDoor::HttpDoor(Engine& engine)
    : engine_(engine),
      streams_(kMostStreams),
      handler_([this](const http::ServerRequest& request) { return answer(request); }) {}

aio::Task<> HttpDoor::serve(aio::Stream stream) {
  return http::serve(engine_.loop(), std::move(stream), handler_, streams_, http::ServerLimits{});
}

aio::Task<http::ServerResponse> HttpDoor::answer(const http::ServerRequest& request) {
  const auto address = request.client.peer_address();
  if (!address) co_return problem(400, "the client has left");
  const auto peer = daemon::admin_peer(*address, request.client.descriptor());
  const auto refused = daemon::refuse_stream(request.head, peer, settings_.token);
  if (refused) co_return problem(refused->status, refused->detail);
  HttpCall call = parse_call(request);
  if (call.method == http::Method::head) call.method = http::Method::get;
  const bool is_change = call.method == http::Method::post || call.method == http::Method::delete_;
  http::ServerResponse response;
  if (call.collection == "sessions") {
    response = co_await answer_sessions(engine_, std::move(call));
  } else if (call.collection == "locks" || call.collection == "elections") {
    response = co_await answer_locks(engine_, std::move(call));
  } else if (call.collection == "events" || call.collection == "leaders") {
    response = co_await answer_streams(engine_, std::move(call));
  } else {
    response = problem(404, "there is no such thing; see weir-locker(8) for what there is");
  }
  // What was seen, in a refusal too, is told once it is durable. Changes have been waited for.
  if (response.producer || (is_change && response.status < 400)) co_return response;
  const auto settled = co_await engine_.settle();
  if (!settled) co_return problem(settled.error());
  co_return response;
}

}  // namespace weir::locker
