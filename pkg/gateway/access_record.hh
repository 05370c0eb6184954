// What is remembered of a request for its access event.
#pragma once

#include <string>
#include <vector>

#include "pkg/base/address.hh"
#include "pkg/base/clock.hh"
#include "pkg/gateway/limits.hh"
#include "pkg/gateway/trace.hh"
#include "pkg/http/message.hh"

namespace weir::gateway {

struct AccessRecord {
  IpAddress client;
  bool client_has_address = true;  // false on a Unix socket
  int status = 0;
  LimitVerdict verdict;
  unsigned retries = 0;
  std::string server;  // the last one asked
  std::string reason;  // why it failed; empty when it did not
  MonotonicTime start{};
  MonotonicTime attempt_start{};  // of the last one
  Duration connect{0};
  Duration first_byte{0};
};

struct AccessFacts {
  const AccessRecord& record;
  const Trace& trace;
  const http::RequestHead& request;  // as far as it was understood
  std::string_view path;             // normalised
  std::string_view protocol;
  std::string_view route;
  std::string_view upstream;
  std::span<const std::string> logged_headers;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  Duration total{0};
};

// One line of NDJSON with its newline.
void append_access_event(std::string& out, const AccessFacts& facts, WallTime now);

}  // namespace weir::gateway
