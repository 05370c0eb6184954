// What a process hears in a handover: packets of any bytes, each behind its length in one byte times 64.
#include <cstddef>
#include <cstdint>

#include "pkg/daemon/handover.hh"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir::daemon;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  HandoverReader reader;
  while (!rest.empty()) {
    const size_t length = static_cast<uint8_t>(rest.front()) * size_t{64};
    rest.remove_prefix(1);
    const std::string_view packet = rest.substr(0, length);
    rest.remove_prefix(packet.size());
    const auto complete = reader.add(packet);
    if (!complete) return 0;
    if (!*complete) continue;
    const auto message = reader.take();
    if (!message) return 0;
    // What was understood is written and understood the same again.
    HandoverReader again;
    for (const std::string& one : encode(*message)) {
      if (!again.add(one)) __builtin_trap();
    }
    const auto second = again.take();
    if (!second || second->kind != message->kind || second->fields != message->fields) __builtin_trap();
  }
  return 0;
}
