// The codec allocates nothing once its memory has grown: counted by an operator new of this binary's own.

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "pkg/http/chunked.hh"
#include "pkg/http/forwarded.hh"
#include "pkg/http/head.hh"
#include "pkg/http/path.hh"
#include "pkg/http/router.hh"
#include "pkg/http/write.hh"

namespace {
std::atomic<uint64_t> allocations{0};
}

void* operator new(size_t size, const std::nothrow_t&) noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return malloc(size == 0 ? 1 : size);
}
void* operator new(size_t size) {
  if (void* memory = operator new(size, std::nothrow)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  free(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  free(memory);
}

using namespace weir;
using namespace weir::http;

namespace {

constexpr std::string_view kRequest =
    "POST /files/../a%20path/of/some/length?with=query HTTP/1.1\r\nHost: www.example.com\r\nAccept: */*\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0\r\n"
    "X-Forwarded-For: 198.51.100.7, 10.0.0.2\r\nX-Forwarded-For: 10.0.0.3\r\nConnection: keep-alive, "
    "X-Mine\r\n"
    "Cookie: session=4f2c8e0a1b3d5f7a9c\r\nX-Mine: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 1234\r\nServer: "
    "origin\r\n\r\n";
constexpr std::string_view kBody = "5;ext=\"a\"\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";

// Everything that one connection keeps from request to request.
struct Connection {
  const Router router{{{{"www.example.com", "*.example.com"}, "/a%20path", {"GET", "POST"}}, {{}, "/", {}}}};
  const std::vector<Cidr> trusted{*Cidr::parse("10.0.0.0/8")};
  RequestHead request;
  ResponseHead response;
  DateField date;
  std::string normalised;
  std::string out;
  std::string body;

  // False when something was not understood.
  bool exchange(WallTime now) {
    HeadScanner scanner;
    if (scanner.scan(kRequest, {}) != HeadScanner::Progress::complete) return false;
    if (parse_request_head(kRequest, request)) return false;
    const auto path = normalise_path(request.path, normalised);
    if (!path || router.find(request.host, *path, request.method_text).route != 0) return false;
    const IpAddress client = find_client(request.fields, IpAddress::v4(0x0a000001), trusted);
    out.clear();
    out += *path;
    for (const Field& field : request.fields) {
      if (!is_connection_option(request.fields, field.name)) append_field(out, field.name, field.value);
    }
    append_forwarded_element(out, client, request.host, "http");
    ChunkedDecoder decoder;
    body = kBody;
    append_chunk_size(out, decoder.decode(body).produced);
    if (parse_response_head(kResponse, request.method, response)) return false;
    append_status_line(out, response.status, response.reason);
    date.append_to(out, now);
    return client == IpAddress::v4(0xc6336407);
  }
};

}  // namespace

TEST_CASE("a request and its answer cost no allocation in the steady state") {
  Connection connection;
  const WallTime now{std::chrono::seconds(784111777)};
  REQUIRE(connection.exchange(now));
  const uint64_t before = allocations.load();
  bool understood = true;
  for (int i = 0; i < 100; ++i) understood = understood && connection.exchange(now + std::chrono::seconds(i));
  const uint64_t after = allocations.load();
  CHECK(understood);
  CHECK(before > 0);
  CHECK(after - before == 0);
}
