// The saved state of limits: what another process hands over, as any bytes. What was understood must work.
#include <cstddef>
#include <cstdint>

#include "pkg/limit/limiter.hh"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir;
  using namespace weir::limit;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto state = State::restore(bytes, Bytes{4096}, Bytes{64 * 1024});
  if (!state) return 0;
  constexpr Time kNow = 1'000'000'000'000;
  for (const Algorithm algorithm : {Algorithm::token_bucket, Algorithm::sliding_window}) {
    const auto limiter = Limiter::make({"a", algorithm, Rate{3, std::chrono::seconds(1)}, 0}, **state);
    if (!limiter) __builtin_trap();
    for (uint64_t key = 0; key < 200; ++key) (void)(*limiter)->decide(key * 0x9e3779b97f4a7c15, kNow + key);
  }
  if (!State::restore((*state)->save(), Bytes{4096}, Bytes{64 * 1024})) __builtin_trap();
  return 0;
}
