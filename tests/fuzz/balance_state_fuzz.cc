// A pool's state of any bytes: what can be read is written and read again without loss, and a pool takes it
// and goes on.

#include <cstdint>
#include <cstdlib>

#include "pkg/balance/pool.hh"

using namespace weir;
using namespace weir::balance;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto state = parse_pool_state({reinterpret_cast<const char*>(data), size});
  if (!state) return 0;
  const auto again = parse_pool_state(to_text(*state));
  if (!again || again->members != state->members) abort();

  constexpr MonotonicTime kStart{std::chrono::hours(1000)};
  Pool pool("fuzzed", {.algorithm = Algorithm::least_connections});
  if (!pool.add({.name = "a"}, kStart) || !pool.add({.name = "b"}, kStart)) abort();
  pool.import_state(*state, kStart);
  pool.evaluate(kStart + std::chrono::hours(1));
  if (!parse_pool_state(to_text(pool.export_state(kStart)))) abort();
  return 0;
}
