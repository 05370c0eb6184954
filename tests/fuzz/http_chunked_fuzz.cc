// A chunked body, in any bytes: decoded whole and byte by byte it gives the same content, the same end and
// the same verdict, and never more content than it has bytes.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "pkg/http/chunked.hh"

using namespace weir::http;

namespace {

struct Decoded {
  std::string content;
  size_t consumed = 0;
  bool done = false;
  bool refused = false;
};

Decoded decode(std::string_view text, size_t step) {
  ChunkedDecoder decoder;
  Decoded out;
  for (size_t at = 0; at < text.size() && !decoder.is_done() && !decoder.refusal();) {
    std::string piece(text.substr(at, step));
    const auto taken = decoder.decode(piece);
    if (taken.produced > taken.consumed || taken.consumed > piece.size()) abort();
    out.content.append(piece, 0, taken.produced);
    out.consumed += taken.consumed;
    at += taken.consumed;
    if (taken.consumed == 0 && !decoder.refusal()) abort();
  }
  out.done = decoder.is_done();
  out.refused = decoder.refusal().has_value();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Decoded whole = decode(text, text.size() + 1);
  const Decoded split = decode(text, 1);
  if (whole.done != split.done || whole.refused != split.refused) abort();
  if (whole.done && (whole.content != split.content || whole.consumed != split.consumed)) abort();
  return 0;
}
