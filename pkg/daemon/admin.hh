// The admin endpoint: /healthz, /readyz, /metrics, /config and the status page at /.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pkg/aio/listener.hh"
#include "pkg/aio/scope.hh"
#include "pkg/base/address.hh"
#include "pkg/http/server.hh"

namespace weir::daemon {

class AdminEndpoint {
 public:
  struct Content {
    std::function<Result<std::vector<aio::Descriptor>>(const Address&)> open_listening;  // one socket
    std::function<bool()> is_ready;
    std::function<std::string()> metrics;
    std::function<std::string()> config;  // JSON, masked
    std::function<std::string()> page;    // HTML
  };

  AdminEndpoint(aio::Loop& loop, Content content);

  // Listens there and nowhere else; what is listened on already stays. Errors: an address that cannot be
  // used.
  Result<> listen(const std::vector<Address>& addresses);
  void set_token(std::string token) { token_ = std::move(token); }
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
  aio::Task<http::ServerResponse> answer(const http::ServerRequest& request);
  http::ServerResponse dispatch(const http::ServerRequest& request) const;
  bool is_authorised(const http::ServerRequest& request) const;

  aio::Loop& loop_;
  Content content_;
  std::string token_;
  http::Handler handler_;
  aio::Scope connections_;
  std::vector<Open> open_;
};

}  // namespace weir::daemon
