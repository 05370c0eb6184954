// What the proxy gives its successor, as any bytes: tunnels, and the states of breakers.
#include <cstddef>
#include <cstdint>

#include "pkg/gateway/handover.hh"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir;
  using namespace weir::gateway;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)restore_breakers(bytes, {});
  const auto record = decode_tunnel(bytes);
  if (!record) return 0;
  const auto again = decode_tunnel(encode(*record));
  if (!again || again->upstream != record->upstream || again->to_client.bytes != record->to_client.bytes)
    __builtin_trap();
  return 0;
}
