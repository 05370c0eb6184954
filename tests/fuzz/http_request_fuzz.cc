// A request's head, in any bytes: the scanner gives the same verdict however the bytes are split, and what is
// accepted is, written again and read again, the same request.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "pkg/http/forwarded.hh"
#include "pkg/http/head.hh"
#include "pkg/http/path.hh"
#include "pkg/http/write.hh"

using namespace weir;
using namespace weir::http;

namespace {

void require(bool condition) {
  if (!condition) abort();
}

struct Scanned {
  HeadScanner::Progress progress;
  size_t size = 0;
  int status = 0;
};

Scanned scan(std::string_view text, size_t step) {
  const HeadLimits limits{.line = 256, .bytes = 1024, .fields = 16};
  HeadScanner scanner;
  auto progress = HeadScanner::Progress::need_more;
  for (size_t end = 0; end < text.size() && progress == HeadScanner::Progress::need_more;) {
    end = std::min(end + step, text.size());
    progress = scanner.scan(text.substr(0, end), limits);
  }
  return {progress, scanner.size(), scanner.refusal().status};
}

std::string write(const RequestHead& head) {
  std::string out(head.method_text);
  out += ' ';
  out += head.target;
  out += head.is_http_1_0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n";
  for (const Field& field : head.fields) append_field(out, field.name, field.value);
  return out += "\r\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Scanned whole = scan(text, text.size() + 1);
  const Scanned split = scan(text, 1);
  require(whole.progress == split.progress);
  if (whole.progress == HeadScanner::Progress::refused) require(whole.status == split.status);
  if (whole.progress != HeadScanner::Progress::complete) return 0;
  require(whole.size == split.size);

  RequestHead head;
  if (parse_request_head(text.substr(0, whole.size), head)) return 0;
  const std::string written = write(head);
  RequestHead again;
  require(!parse_request_head(written, again));
  require(write(again) == written);
  require(again.framing.kind == head.framing.kind && again.framing.length == head.framing.length);
  require(again.host == head.host && again.path == head.path && again.keep_alive == head.keep_alive);

  std::string storage;
  if (const auto path = normalise_path(head.path, storage)) {
    std::string second;
    require(normalise_path(*path, second) == path);
    require(path->starts_with('/'));
    for (const std::string_view ambiguous : {"//", "/./", "/../", "%2F", "%5C", "%00", "\\", "?", "#"})
      require(path->find(ambiguous) == std::string_view::npos);
    require(!path->ends_with("/.") && !path->ends_with("/.."));
  }
  const Cidr everyone{IpAddress::v4(0).masked(0), 0};
  find_client(head.fields, IpAddress::v4(0x7f000001), {&everyone, 1});
  return 0;
}
