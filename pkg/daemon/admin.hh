// The admin endpoint: /healthz, /readyz, /metrics, /config, the status page at / with what it is made of, the
// API below /api, and what happens as server-sent events at /events.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pkg/aio/listener.hh"
#include "pkg/aio/scope.hh"
#include "pkg/base/address.hh"
#include "pkg/daemon/admin_access.hh"
#include "pkg/daemon/api.hh"
#include "pkg/daemon/event_hub.hh"
#include "pkg/daemon/live_page.hh"
#include "pkg/http/server.hh"
#include "pkg/metrics/registry.hh"

namespace weir::daemon {

class AdminEndpoint {
 public:
  struct Content {
    std::function<Result<std::vector<aio::Descriptor>>(const Address&)> open_listening;  // one socket
    std::function<bool()> is_ready;
    std::function<std::string()> metrics;
    std::function<std::string()> config;  // JSON, masked
    std::function<StatusPage()> page;
  };

  AdminEndpoint(aio::Loop& loop, Content content, EventHub& events, metrics::Registry& registry);

  // What the daemon can be asked and told; filled before the first request.
  Api& api() { return api_; }

  // Listens there and nowhere else; what is listened on already stays. Errors: an address that cannot be
  // used.
  Result<> listen(const std::vector<Address>& addresses);
  // Another token than before ends what streams: who began it need not know the new one.
  void set_token(std::string token);
  std::vector<std::string> bound() const;
  // Ends all connections.
  aio::Scope::Join close();

 private:
  struct Open {
    std::string address;  // as configured
    std::string bound;
    aio::Listener listener;
  };

  Result<Open> open(const Address& address);
  aio::Task<> serve(aio::Stream stream);
  aio::Task<http::ServerResponse> answer(const http::ServerRequest& request, const AdminPeer& peer);
  http::ServerResponse dispatch(const http::ServerRequest& request, const AdminPeer& peer);
  http::ServerResponse answer_open(const http::ServerRequest& request) const;
  http::ServerResponse answer_read(const http::ServerRequest& request);
  http::ServerResponse answer_stream(const http::ServerRequest& request, const AdminPeer& peer);
  http::ServerResponse answer_api(const http::ServerRequest& request, const AdminPeer& peer);
  void audit(const http::ServerRequest& request, const AdminPeer& peer, const ApiResponse& response);

  aio::Loop& loop_;
  Content content_;
  EventHub& events_;
  LivePage live_;
  Api api_;
  std::string token_;
  http::OpenStreams streams_;
  std::shared_ptr<metrics::Counter> writes_;
  std::shared_ptr<metrics::Counter> failed_writes_;
  std::shared_ptr<metrics::Counter> refused_writes_;
  aio::Scope connections_;
  std::vector<Open> open_;
};

}  // namespace weir::daemon
