// [[listener]]: where connections come in, and what is done with them before anything else.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkg/base/address.hh"
#include "pkg/base/units.hh"
#include "pkg/config/table.hh"
#include "pkg/daemon/tls_section.hh"
#include "pkg/limit/rate.hh"

namespace weir::gateway {

enum class ListenerMode {
  http,  // requests, by routes
  tcp,   // connections, whole
  sni,   // TLS connections, unopened, by the name that the client asks for
  udp,   // datagrams, by client
};

struct ListenerSection {
  std::string name;
  std::vector<Address> listen;
  ListenerMode mode = ListenerMode::http;
  std::string upstream;
  std::map<std::string, std::string> sni;
  bool http2 = true;
  bool proxy_protocol = false;
  std::vector<Cidr> allow;
  std::vector<Cidr> deny;
  std::optional<limit::Rate> connection_rate;
  uint64_t max_connections = 0;
  Duration udp_timeout = std::chrono::seconds(60);
  std::optional<daemon::TlsListenerSection> tls;
};

// With the modes that pass on what they don't understand, or of HTTP only.
enum class ListenerModes { all, http };
config::Table<ListenerSection> listener_table(ListenerModes modes);

}  // namespace weir::gateway
