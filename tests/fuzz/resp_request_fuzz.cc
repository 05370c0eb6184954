// What a client of Redis sends, in any bytes: parsed whole and byte by byte it is the same commands and the
// same verdict, and every argument stands within the bytes that were given.

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "pkg/resp/request.hh"

using namespace weir::resp;

namespace {

using Progress = RequestParser::Progress;

constexpr RequestLimits kLimits{.arguments = 16, .argument_bytes = 256, .command_bytes = 512};

struct Parsed {
  std::vector<std::vector<std::string>> commands;
  size_t consumed = 0;
  bool refused = false;
};

Parsed parse(std::string_view text, size_t step) {
  RequestParser parser(kLimits);
  Parsed out;
  for (size_t end = std::min(step, text.size()); !out.refused;) {
    const std::string received(text.substr(out.consumed, end - out.consumed));
    const Progress progress = parser.parse(received);
    if (progress == Progress::need_more) {
      if (received.size() > kLimits.command_bytes + 64) abort();
      if (end == text.size()) break;
      end = std::min(end + step, text.size());
      continue;
    }
    out.refused = progress == Progress::refused;
    if (out.refused) continue;
    if (parser.size() == 0 || parser.size() > received.size()) abort();
    if (parser.arguments().size() > kLimits.arguments) abort();
    out.consumed += parser.size();
    out.commands.emplace_back(parser.arguments().begin(), parser.arguments().end());
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Parsed whole = parse(text, text.size() + 1);
  const Parsed split = parse(text, 1);
  if (whole.commands != split.commands || whole.refused != split.refused) abort();
  if (whole.consumed != split.consumed) abort();
  return 0;
}
