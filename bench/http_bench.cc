// The cost of understanding one request of a browser and of writing it again.

#include <chrono>
#include <cstdio>
#include <string>

#include "pkg/http/head.hh"
#include "pkg/http/path.hh"
#include "pkg/http/write.hh"

using namespace weir::http;

int main() {
  const std::string text =
      "GET /path/to/resource?with=query HTTP/1.1\r\nHost: www.example.com\r\n"
      "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0\r\n"
      "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
      "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n"
      "Referer: http://www.example.com/\r\nCookie: session=4f2c8e0a1b3d5f7a9c\r\nDNT: 1\r\n"
      "Upgrade-Insecure-Requests: 1\r\n\r\n";
  constexpr int kRounds = 1'000'000;
  RequestHead head;
  std::string out;
  std::string storage;
  size_t bytes = 0;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kRounds; ++i) {
    HeadScanner scanner;
    if (scanner.scan(text, {}) != HeadScanner::Progress::complete || parse_request_head(text, head)) return 1;
    out.clear();
    out += head.method_text;
    out += ' ';
    out += *normalise_path(head.path, storage);
    out += " HTTP/1.1\r\n";
    for (const Field& field : head.fields) {
      if (!is_hop_by_hop(field.id)) append_field(out, field.name, field.value);
    }
    out += "\r\n";
    bytes += out.size();
  }
  const std::chrono::duration<double, std::nano> elapsed = std::chrono::steady_clock::now() - start;
  std::printf("%.0f ns to scan, parse and write a request of %zu bytes and %zu fields\n",
              elapsed.count() / kRounds, text.size(), head.fields.size());
  return bytes == 0;
}
