// Ticket keys of another process, in any bytes: what is accepted is written again as it came.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "pkg/aio/tls_ticket_keys.hh"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto keys = weir::aio::TicketKeys::import_bytes(bytes);
  if (keys && (*keys)->export_bytes() != bytes) abort();
  return 0;
}
