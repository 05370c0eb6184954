#include "pkg/daemon/admin.hh"

#include <algorithm>

#include "pkg/base/secret.hh"
#include "pkg/base/text.hh"

namespace weir::daemon {

AdminEndpoint::AdminEndpoint(aio::Loop& loop, Content content)
    : loop_(loop),
      content_(std::move(content)),
      handler_([this](const http::ServerRequest& request) { return answer(request); }),
      connections_(loop) {}

Result<AdminEndpoint::Open> AdminEndpoint::open(const Address& address) {
  const std::string name = address.to_string();
  const auto refuse = [&](Error error) {
    return std::unexpected(std::move(error).context("admin.listen " + name));
  };
  auto sockets = content_.open_listening(address);
  if (!sockets) return refuse(std::move(sockets.error()));
  const auto bound = aio::local_address(sockets->front().get());
  auto listener = aio::Listener::start(loop_, std::move(sockets->front()), [this](aio::Stream stream) {
    constexpr size_t kMostConnections = 256;
    if (connections_.size() >= kMostConnections) return;  // closes it
    connections_.spawn(http::serve(loop_, std::move(stream), handler_, {}));
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

aio::Task<http::ServerResponse> AdminEndpoint::answer(const http::ServerRequest& request) {
  co_return dispatch(request);
}

bool AdminEndpoint::is_authorised(const http::ServerRequest& request) const {
  if (token_.empty()) return true;
  const auto field = request.head.fields.find(http::FieldId::authorization).value_or("");
  constexpr std::string_view kScheme = "Bearer ";
  return iequals(field.substr(0, kScheme.size()), kScheme) &&
         equal_in_constant_time(field.substr(std::min(field.size(), kScheme.size())), token_);
}

http::ServerResponse AdminEndpoint::dispatch(const http::ServerRequest& request) const {
  const bool reads = request.head.method == http::Method::get || request.head.method == http::Method::head;
  if (!reads) return {405, "text/plain; charset=utf-8", "only GET and HEAD\n", "Allow: GET, HEAD\r\n"};
  if (request.path == "/healthz") return {200, "text/plain; charset=utf-8", "ok\n", ""};
  if (request.path == "/readyz") {
    const bool ready = content_.is_ready();
    return {ready ? 200 : 503, "text/plain; charset=utf-8", ready ? "ready\n" : "not ready\n", ""};
  }
  if (!is_authorised(request)) {
    return {401, "text/plain; charset=utf-8", "a token is wanted: Authorization: Bearer TOKEN\n",
            "WWW-Authenticate: Bearer\r\n"};
  }
  if (request.path == "/metrics")
    return {200, "text/plain; version=0.0.4; charset=utf-8", content_.metrics(), ""};
  if (request.path == "/config") return {200, "application/json", content_.config() + "\n", ""};
  if (request.path == "/") {
    return {
        200, "text/html; charset=utf-8", content_.page(),
        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'\r\n"
        "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"};
  }
  return {404, "text/plain; charset=utf-8", "there are /, /healthz, /readyz, /metrics and /config\n", ""};
}

}  // namespace weir::daemon
