// A DNS answer, in any bytes: what is read is made of host names and fits into the message, and bytes behind
// the answer section change nothing.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "pkg/base/text.hh"
#include "pkg/dns/message.hh"

using namespace weir;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto found = dns::parse_services({data, size});
  if (!found) return 0;
  constexpr size_t kSmallestRecord = 17;
  if (found->records.size() * kSmallestRecord > size || found->ttl > INT32_MAX) abort();
  for (const auto& record : found->records) {
    if (record.target.size() > 255) abort();
    for (const char c : record.target) {
      if (c != ascii_lower(c) || !(is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '.')) abort();
    }
  }
  std::vector<uint8_t> longer(data, data + size);
  longer.push_back(0xff);
  const auto again = dns::parse_services(longer);
  if (!again || again->records.size() != found->records.size() || again->ttl != found->ttl) abort();
  return 0;
}
