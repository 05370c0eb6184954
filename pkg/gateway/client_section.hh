// What clients may do, and what is written of it.
#pragma once

#include <string>
#include <vector>

#include "pkg/base/address.hh"
#include "pkg/base/units.hh"
#include "pkg/config/table.hh"
#include "pkg/daemon/event_sink.hh"

namespace weir::gateway {

using namespace std::chrono_literals;

// [client]: how much a client may send, and how slowly.
struct ClientSection {
  Duration header_timeout = 10s;
  Duration body_timeout = 30s;
  Duration idle_timeout = 75s;
  Duration write_timeout = 30s;
  Bytes max_request_line{8 * 1024};
  Bytes max_header_bytes{16 * 1024};
  uint64_t max_headers = 100;
  Bytes max_body{0};
  std::vector<Cidr> trusted_proxies;
  bool abort_when_client_leaves = true;
  Duration shed_lag = 0ms;
};

// [access_log]
struct AccessLogSection {
  daemon::EventTarget to;  // standard output
  std::vector<std::string> headers;
};

config::Table<ClientSection> client_table();
config::Table<AccessLogSection> access_log_table();

}  // namespace weir::gateway
