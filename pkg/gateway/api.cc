// What the gateway can be asked and told through the admin API.

#include "pkg/gateway/service.hh"

namespace weir::gateway {

std::vector<daemon::ApiRoute> Service::api_routes() {
  std::vector<daemon::ApiRoute> routes;
  upstream_api_.add_routes(routes);
  split_api_.add_routes(routes);
  return routes;
}

}  // namespace weir::gateway
