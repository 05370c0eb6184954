// Names for one request: X-Request-Id, and the W3C Trace Context (https://www.w3.org/TR/trace-context/) that
// ties what all servers on its way have logged. A client's own are kept where they are well-formed; the
// parent id is ours, since we are the next span.
#pragma once

#include <string>
#include <string_view>

#include "pkg/base/random.hh"

namespace weir::gateway {

struct Trace {
  static constexpr size_t kTraceParentSize = 55;  // "00-<32 hex>-<16 hex>-<2 hex>"

  std::string request_id;
  std::string traceparent;

  std::string_view trace_id() const { return std::string_view(traceparent).substr(3, 32); }
  std::string_view span_id() const { return std::string_view(traceparent).substr(36, 16); }
};

// Makes `trace` of what the client sent; either may be empty. Keeps the strings' memory.
void make_trace(Trace& trace, std::string_view client_request_id, std::string_view client_traceparent,
                Random& random);

}  // namespace weir::gateway
