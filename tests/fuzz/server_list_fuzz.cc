// A list of servers, in any bytes: it is bounded, its messages are fit for a terminal, and a list that is
// good says the same when it is written out and read again.

#include <cstdint>
#include <cstdlib>

#include "pkg/discovery/server_list.hh"

using namespace weir::discovery;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto list = parse_server_list({reinterpret_cast<const char*>(data), size});
  if (!list) {
    if (list.error().empty() || list.error().size() > kMostLineErrors + 1) abort();
    for (const LineError& error : list.error()) {
      for (const char c : error.message) {
        if ((c >= 0 && c < 0x20) || c == 0x7f) abort();
      }
    }
    return 0;
  }
  if (list->size() > kMostListedServers) abort();
  std::string written;
  for (const ListedServer& server : *list) {
    written += server.address.to_string() + " weight=" + std::to_string(server.weight);
    // A Unix path may be longer than a name: the name is then the address again.
    if (server.name != server.address.to_string()) written += " name=" + server.name;
    written += '\n';
  }
  const auto again = parse_server_list(written);
  if (!again || *again != *list) abort();
  return 0;
}
