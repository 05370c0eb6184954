// The admin API: what a daemon can be asked and told at run time, as JSON below /api. The frame has some
// routes for every daemon, a Service offers its own.
//
//   {http::Method::put, "/pools/{pool}/servers/{server}", "Weighs, drains or disables a server.",
//    [this](ApiRequest& request) { return set_server(request); }}
//
// Handlers are called on the main thread with a request that may do what it asks for. They must not block; a
// change that takes long is begun and answered with 202.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/daemon/json_body.hh"
#include "pkg/http/message.hh"

namespace weir::daemon {

struct ApiRequest {
  std::map<std::string, std::string, std::less<>> parameters = {};  // by their names in the pattern; decoded
  JsonBody body = {};

  const std::string& parameter(std::string_view name) const { return parameters.find(name)->second; }
};

using ApiHandler = std::function<ApiResponse(ApiRequest&)>;

struct ApiRoute {
  http::Method method = http::Method::get;
  // Segments below /api; one in braces takes any one segment.
  std::string path;
  std::string summary;  // one sentence for GET /api
  ApiHandler handler;
};

class Api {
 public:
  // Routes are added before the first request. A literal segment goes before one in braces.
  void add(ApiRoute route);

  // `path` is what follows "/api", normalised.
  ApiResponse answer(http::Method method, std::string_view path, std::string_view body) const;
  // The methods that routes with this path take, as an Allow field's value; "" where there is none.
  std::string allowed(std::string_view path) const;

 private:
  struct Route {
    ApiRoute route;
    std::vector<std::string> segments;
  };
  std::string index() const;

  std::vector<Route> routes_;
};

constexpr bool is_write(http::Method method) {
  return method != http::Method::get && method != http::Method::head;
}

}  // namespace weir::daemon
