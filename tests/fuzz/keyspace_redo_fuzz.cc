// A snapshot or a record of a keyspace that is none, or not of the keyspace before it: refused, or redone
// into a keyspace whose own snapshot is read again. The claims in it are read as they come.

#include <cstdlib>

#include "pkg/lock/index.hh"

using namespace weir;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  keyspace::Keyspace keys;
  lock::Index locks([] { return int64_t{0}; });
  keys.on_change([&](const keyspace::Change& change) { locks.follow(change); });
  const bool is_snapshot = size > 0 && data[0] % 2 == 0;
  const auto redone = is_snapshot ? keys.restore(input.substr(1), keyspace::Millis{0})
                                  : keys.redo(input.substr(size > 0 ? 1 : 0), keyspace::Millis{0});
  if (!redone) return 0;
  locks.rebuild(keys);
  keyspace::Keyspace again;
  if (!again.restore(keys.snapshot(), keyspace::Millis{0})) abort();
  if (again.size() != keys.size() || again.leases().size() != keys.leases().size()) abort();
  return 0;
}
