#include "pkg/daemon/admin.hh"

#include <algorithm>

#include "pkg/daemon/log.hh"
#include "pkg/daemon/page_assets.hh"

namespace weir::daemon {
namespace {

constexpr size_t kMostConnections = 256;
constexpr size_t kMostStreams = 64;
constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kOurs = "Cache-Control: no-store\r\nCross-Origin-Resource-Policy: same-origin\r\n";

http::ServerResponse text(int status, std::string_view words, std::string fields = {}) {
  return {status, std::string(kText), std::string(words) + "\n", std::move(fields)};
}

http::ServerResponse asset(std::string_view type, std::string_view content) {
  return {200, std::string(type), std::string(content),
          "Cache-Control: no-cache\r\nCross-Origin-Resource-Policy: same-origin\r\n"};
}

// The fields of a refusal. A browser asks for a password when it reads Basic; programs know Bearer.
std::string fields_of(const AdminRefusal& refusal) {
  if (refusal.status != 401) return {};
  return "WWW-Authenticate: Basic realm=\"weir\", charset=\"UTF-8\"\r\nWWW-Authenticate: Bearer\r\n";
}

http::ServerResponse to_http(ApiResponse response, std::string fields = {}) {
  return {response.status, response.is_problem ? "application/problem+json" : "application/json",
          std::move(response.json) + "\n", std::string(kOurs) + fields};
}

bool is_api(std::string_view path) {
  return path == "/api" || path.starts_with("/api/");
}

}  // namespace

AdminEndpoint::AdminEndpoint(aio::Loop& loop, Content content, EventHub& events, metrics::Registry& registry)
    : loop_(loop),
      content_(std::move(content)),
      events_(events),
      live_(loop, content_.page),
      streams_(kMostStreams),
      connections_(loop) {
  const auto writes = [&](const char* result) {
    return registry.counter("weir_admin_writes_total", "Changes asked for through the admin API.",
                            {{"result", result}});
  };
  writes_ = writes("done");
  failed_writes_ = writes("failed");
  refused_writes_ = writes("refused");
  registry.gauge_callback("weir_admin_streams", "Streams that are open at the admin endpoint.", {},
                          [this] { return static_cast<double>(streams_.count()); });
  registry.counter_callback("weir_admin_streams_dropped_total",
                            "Clients of /events that were too slow and lost their connection.", {},
                            [&events] { return static_cast<double>(events.dropped_clients()); });
}

Result<AdminEndpoint::Open> AdminEndpoint::open(const Address& address) {
  const std::string name = address.to_string();
  const auto refuse = [&](Error error) {
    return std::unexpected(std::move(error).context("admin.listen " + name));
  };
  auto sockets = content_.open_listening(address);
  if (!sockets) return refuse(std::move(sockets.error()));
  const auto bound = aio::local_address(sockets->front().get());
  auto listener = aio::Listener::start(loop_, std::move(sockets->front()), [this](aio::Stream stream) {
    if (connections_.size() >= kMostConnections) return;  // closes it
    connections_.spawn(serve(std::move(stream)));
  });
  if (!listener) return refuse(std::move(listener.error()));
  return Open{name, bound ? bound->to_string() : name, std::move(*listener)};
}

Result<> AdminEndpoint::listen(const std::vector<Address>& addresses) {
  // All that is new first: with an error, what is there stays as it is.
  std::vector<Open> wanted;
  for (const Address& address : addresses) {
    if (std::ranges::find(open_, address.to_string(), &Open::address) != open_.end()) continue;
    auto opened = open(address);
    if (!opened) return std::unexpected(std::move(opened.error()));
    wanted.push_back(std::move(*opened));
  }
  for (Open& known : open_) {
    const auto is_same = [&](const Address& address) { return address.to_string() == known.address; };
    if (std::ranges::any_of(addresses, is_same)) wanted.push_back(std::move(known));
  }
  open_ = std::move(wanted);
  return {};
}

std::vector<std::string> AdminEndpoint::bound() const {
  std::vector<std::string> addresses;
  for (const Open& open : open_) addresses.push_back(open.bound);
  return addresses;
}

aio::Scope::Join AdminEndpoint::close() {
  open_.clear();
  return connections_.close();
}

void AdminEndpoint::set_token(std::string token) {
  if (token == token_) return;
  token_ = std::move(token);
  streams_.cancel();
}

aio::Task<> AdminEndpoint::serve(aio::Stream stream) {
  const auto address = stream.peer_address();
  if (!address) co_return;  // it has left already
  const AdminPeer peer = admin_peer(*address, stream.descriptor());
  const http::Handler handler = [this, &peer](const http::ServerRequest& request) {
    return answer(request, peer);
  };
  co_await http::serve(loop_, std::move(stream), handler, streams_, {});
}

aio::Task<http::ServerResponse> AdminEndpoint::answer(const http::ServerRequest& request,
                                                      const AdminPeer& peer) {
  co_return dispatch(request, peer);
}

http::ServerResponse AdminEndpoint::dispatch(const http::ServerRequest& request, const AdminPeer& peer) {
  if (is_api(request.path)) return answer_api(request, peer);
  if (is_write(request.head.method)) return text(405, "only GET and HEAD", "Allow: GET, HEAD\r\n");
  if (request.path == "/healthz" || request.path == "/readyz") return answer_open(request);
  const bool is_scrape = request.path == "/metrics";
  const auto refused =
      is_scrape ? refuse_scrape(request.head, token_) : refuse_read(request.head, peer, token_);
  if (refused) return text(refused->status, refused->detail, fields_of(*refused));
  if (request.path == "/events" || request.path == "/live") return answer_stream(request, peer);
  return answer_read(request);
}

http::ServerResponse AdminEndpoint::answer_open(const http::ServerRequest& request) const {
  if (request.path == "/healthz") return text(200, "ok");
  return content_.is_ready() ? text(200, "ready") : text(503, "not ready");
}

http::ServerResponse AdminEndpoint::answer_read(const http::ServerRequest& request) {
  if (request.path == "/metrics")
    return {200, "text/plain; version=0.0.4; charset=utf-8", content_.metrics(), ""};
  if (request.path == "/config")
    return {200, "application/json", content_.config() + "\n", std::string(kOurs)};
  if (request.path == "/status.css") return asset("text/css; charset=utf-8", kPageStyle);
  if (request.path == "/live.js") return asset("text/javascript; charset=utf-8", kPageScript);
  if (request.path == "/icon.svg") return asset("image/svg+xml", kPageIcon);
  if (request.path != "/")
    return text(404, "there are /, /api, /config, /events, /healthz, /metrics and /readyz");
  std::string fields = "Content-Security-Policy: " + std::string(kPagePolicy) + "\r\n";
  fields += "Referrer-Policy: no-referrer\r\n";
  fields += kOurs;
  return {200, "text/html; charset=utf-8", live_.html(), std::move(fields)};
}

http::ServerResponse AdminEndpoint::answer_stream(const http::ServerRequest& request, const AdminPeer& peer) {
  const auto refused = refuse_stream(request.head, peer, token_);
  if (refused) return text(refused->status, refused->detail);
  http::ServerResponse response{200, "text/event-stream", {}, std::string(kOurs)};
  if (request.path == "/live") {
    response.producer = [this](http::BodyWriter& out) { return live_.serve(out); };
  } else {
    std::string last_id(request.head.fields.find("Last-Event-ID").value_or(""));
    response.producer = [this, last_id = std::move(last_id)](http::BodyWriter& out) {
      return events_.serve(last_id, out);
    };
  }
  return response;
}

http::ServerResponse AdminEndpoint::answer_api(const http::ServerRequest& request, const AdminPeer& peer) {
  const http::RequestHead& head = request.head;
  const bool writes = is_write(head.method);
  const auto refused = writes ? refuse_write(head, peer, token_) : refuse_read(head, peer, token_);
  if (refused) {
    if (writes) refused_writes_->add();
    return to_http(ApiResponse::problem(refused->status, refused->detail), fields_of(*refused));
  }
  const std::string_view path = request.path.substr(std::string_view("/api").size());
  ApiResponse response = api_.answer(head.method, path, request.body);
  if (writes) audit(request, peer, response);
  std::string fields;
  if (response.status == 405) fields = "Allow: " + api_.allowed(path) + "\r\n";
  return to_http(std::move(response), std::move(fields));
}

void AdminEndpoint::audit(const http::ServerRequest& request, const AdminPeer& peer,
                          const ApiResponse& response) {
  constexpr size_t kMostShown = 256;
  (response.status < 400 ? writes_ : failed_writes_)->add();
  const auto given = parse_credentials(request.head.fields.find(http::FieldId::authorization).value_or(""));
  log::audit("admin write", {{"peer", peer.name},
                             {"user", token_.empty() || !given ? "" : given->user.substr(0, kMostShown)},
                             {"method", request.head.method_text},
                             {"path", request.path.substr(0, kMostShown)},
                             {"status", std::to_string(response.status)},
                             {"done", response.done}});
}

}  // namespace weir::daemon
