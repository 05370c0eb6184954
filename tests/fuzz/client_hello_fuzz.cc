// A TLS client's first bytes, any bytes: no prefix of a hello is taken for something else, more bytes behind
// it change nothing, and its name is a host name.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "pkg/transport/client_hello.hh"

using namespace weir::transport;
using Verdict = HelloParse::Verdict;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  ClientHello hello;
  const HelloParse parse = parse_client_hello(text, hello);
  if ((parse.verdict == Verdict::not_tls) == parse.reason.empty()) abort();
  if (parse.verdict != Verdict::hello) return 0;
  if (hello.server_name.find_first_of(std::string_view("\0\r\n /", 5)) != std::string::npos) abort();
  for (const std::string& name : hello.alpn) {
    if (name.empty() || name.size() > 255) abort();
  }
  bool was_whole = false;
  for (size_t part = 0; part < size; part += 1 + part / 64) {
    ClientHello again;
    const Verdict verdict = parse_client_hello(text.substr(0, part), again).verdict;
    if (verdict == Verdict::not_tls || (was_whole && verdict != Verdict::hello)) abort();
    was_whole = verdict == Verdict::hello;
    if (was_whole && (again.server_name != hello.server_name || again.alpn != hello.alpn)) abort();
  }
  return 0;
}
