// A line of a log, as `weir-proxy replay` reads it: any bytes.

#include <cstdint>
#include <cstdlib>

#include "cmd/weir-proxy/logged_request.hh"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto request = weir::proxy::parse_logged_request({reinterpret_cast<const char*>(data), size});
  if (request && (request->method.empty() || request->path.empty())) abort();
  return 0;
}
