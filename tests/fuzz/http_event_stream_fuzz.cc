// A stream of events, in any bytes: read whole and byte by byte it gives the same events and the same
// verdict, and no more than there were bytes.

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "pkg/http/event_stream.hh"

using namespace weir::http;

namespace {

struct Parsed {
  std::vector<StreamEvent> events;
  bool is_fine = true;
};

Parsed parse(std::string_view text, size_t step) {
  EventStreamParser parser;
  Parsed out;
  for (size_t at = 0; at < text.size() && out.is_fine; at += step) {
    out.is_fine = parser.feed(text.substr(at, step));
    while (auto event = parser.next()) out.events.push_back(std::move(*event));
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Parsed whole = parse(text, size + 1);
  const Parsed split = parse(text, 1);
  if (whole.events != split.events || whole.is_fine != split.is_fine) abort();
  size_t bytes = 0;
  for (const StreamEvent& event : whole.events) bytes += event.data.size() + event.type.size();
  if (bytes > size) abort();
  return 0;
}
