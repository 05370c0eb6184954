// A sticky cookie of any bytes: it names a member only if it is what we would have written for that name; and
// any name comes back from its token, but from no other scope's or secret's.

#include <cstdint>
#include <cstdlib>

#include "pkg/balance/sticky_token.hh"

using namespace weir::balance;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const StickySigner ours("a secret for the fuzzer", "web");
  const StickySigner other_scope("a secret for the fuzzer", "api");
  const StickySigner other_secret("another secret", "web");
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto named = ours.decode(text);
  if (named && ours.encode(*named) != text) abort();
  if (size > 256) return 0;
  const std::string token = ours.encode(text);
  if (ours.decode(token) != text) abort();
  if (other_scope.decode(token) || other_secret.decode(token)) abort();
  return 0;
}
