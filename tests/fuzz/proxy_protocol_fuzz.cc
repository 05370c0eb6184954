// A PROXY header in any bytes: no prefix of one that is read is refused or read otherwise, and what is read
// is the same when it is written and read again.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "pkg/transport/proxy_protocol.hh"

using namespace weir::transport;
using Verdict = ProxyParse::Verdict;

namespace {

void check_round_trip(const ProxyHeader& header) {
  std::string bytes;
  append_proxy_v2(bytes, header);
  ProxyHeader again;
  const ProxyParse parse = parse_proxy_header(bytes, again);
  if (parse.verdict != Verdict::done || parse.consumed != bytes.size()) abort();
  if (again.kind != header.kind) abort();
  if (header.kind == ProxyHeader::Kind::none) return;
  if (again.source != header.source || again.destination != header.destination) abort();
  if (again.alpn != header.alpn || again.authority != header.authority) abort();
  if (again.unique_id != header.unique_id) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  ProxyHeader header;
  const ProxyParse parse = parse_proxy_header(text, header);
  if (parse.verdict == Verdict::need_more) return 0;
  if (parse.verdict == Verdict::refused) {
    if (parse.reason.empty()) abort();
    return 0;
  }
  if (parse.consumed > size) abort();
  for (size_t part = 0; part < parse.consumed; ++part) {
    ProxyHeader unused;
    if (parse_proxy_header(text.substr(0, part), unused).verdict != Verdict::need_more) abort();
  }
  check_round_trip(header);
  return 0;
}
