// A response's head, in any bytes, after any kind of request: what is accepted is, written again and read
// again, the same, and a body is never looked for where there can be none.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "pkg/http/head.hh"
#include "pkg/http/write.hh"

using namespace weir::http;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Method method = data[0] % 3 == 0 ? Method::head : data[0] % 3 == 1 ? Method::get : Method::post;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  HeadScanner scanner;
  if (scanner.scan(text, {}) != HeadScanner::Progress::complete) return 0;
  ResponseHead head;
  if (parse_response_head(text.substr(0, scanner.size()), method, head)) return 0;
  std::string written;
  append_status_line(written, head.status, head.reason);
  if (head.is_http_1_0) written[7] = '0';
  for (const Field& field : head.fields) append_field(written, field.name, field.value);
  written += "\r\n";
  ResponseHead again;
  if (parse_response_head(written, method, again)) abort();
  if (again.framing.kind != head.framing.kind || again.framing.length != head.framing.length) abort();
  if (again.status != head.status || again.keep_alive != head.keep_alive) abort();
  const bool bodiless =
      method == Method::head || head.status < 200 || head.status == 204 || head.status == 304;
  if (bodiless && head.framing.kind != BodyKind::none) abort();
  if (head.framing.kind == BodyKind::until_close && head.keep_alive) abort();
  return 0;
}
