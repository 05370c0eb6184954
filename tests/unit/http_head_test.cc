#include "pkg/http/head.hh"

#include <catch2/catch.hpp>
#include <string>

using namespace weir::http;

namespace {

// Scans `text` as it would arrive in pieces of `step` bytes.
HeadScanner scan_in_steps(std::string_view text, size_t step, HeadScanner::Progress& progress,
                          HeadLimits limits = {}) {
  HeadScanner scanner;
  progress = HeadScanner::Progress::need_more;
  for (size_t end = 0; end < text.size() && progress == HeadScanner::Progress::need_more;) {
    end = std::min(end + step, text.size());
    progress = scanner.scan(text.substr(0, end), limits);
  }
  return scanner;
}

int refusal_of(std::string_view text) {
  RequestHead head;
  HeadScanner::Progress progress;
  const auto scanner = scan_in_steps(text, text.size(), progress);
  if (progress == HeadScanner::Progress::refused) return scanner.refusal().status;
  if (progress == HeadScanner::Progress::need_more) return -1;
  const auto refusal = parse_request_head(text.substr(0, scanner.size()), head);
  return refusal ? refusal->status : 0;
}

}  // namespace

TEST_CASE("a request's head is understood") {
  const std::string text =
      "POST /a/b?c=d HTTP/1.1\r\nHost: example.com:8080\r\nContent-Length: 12\r\nConnection: keep-alive, "
      "X-Mine\r\n"
      "Expect: 100-Continue\r\nX-Mine:  padded \t\r\n\r\n";
  RequestHead head;
  REQUIRE_FALSE(parse_request_head(text, head));
  CHECK(head.method == Method::post);
  CHECK(head.path == "/a/b");
  CHECK(head.query == "c=d");
  CHECK(head.host == "example.com:8080");
  CHECK(head.framing.kind == BodyKind::length);
  CHECK(head.framing.length == 12);
  CHECK(head.keep_alive);
  CHECK(head.expects_continue);
  CHECK(head.connection_names_fields);
  CHECK(is_connection_option(head.fields, "x-mine"));
  CHECK(head.fields.find("x-mine") == "padded");
}

TEST_CASE("the forms of a target are told apart") {
  struct Row {
    std::string_view line, host, path;
    int status;
  };
  const Row row =
      GENERATE(Row{"GET /x HTTP/1.1", "a", "/x", 0}, Row{"OPTIONS * HTTP/1.1", "a", "*", 0},
               Row{"GET http://a/x?y HTTP/1.1", "a", "/x", 0}, Row{"GET HTTP://A?y HTTP/1.1", "a", "/", 0},
               Row{"CONNECT a:1 HTTP/1.1", "a:1", "", 0}, Row{"GET http://b/ HTTP/1.1", "a", "", 400},
               Row{"GET * HTTP/1.1", "a", "", 400}, Row{"CONNECT a HTTP/1.1", "a", "", 400},
               Row{"GET a HTTP/1.1", "a", "", 400}, Row{"GET ftp://a/ HTTP/1.1", "a", "", 400},
               Row{"GET http://[::1]:80/ HTTP/1.1", "[::1]:80", "/", 0},
               Row{"GET http://[1.2.3.4]/ HTTP/1.1", "[1.2.3.4]", "", 400});
  const std::string text = std::string(row.line) + "\r\nHost: " + std::string(row.host) + "\r\n\r\n";
  RequestHead head;
  const auto refusal = parse_request_head(text, head);
  INFO(text);
  CHECK((refusal ? refusal->status : 0) == row.status);
  if (!refusal) CHECK(head.path == row.path);
}

TEST_CASE("what could be read in two ways is refused, however it is split") {
  const std::string text = GENERATE(
      "GET / HTTP/1.1\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\n",
      "GET / HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n", "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const size_t step = GENERATE(size_t{1}, size_t{2}, size_t{7}, size_t{1000});
  HeadScanner::Progress progress;
  const auto scanner = scan_in_steps(text, step, progress);
  INFO(text);
  if (progress == HeadScanner::Progress::refused) {
    CHECK(scanner.refusal().status == 400);
  } else {
    REQUIRE(progress == HeadScanner::Progress::complete);
    RequestHead head;
    const auto refusal = parse_request_head(text.substr(0, scanner.size()), head);
    REQUIRE(refusal);
    CHECK(refusal->status == 400);
  }
}

TEST_CASE("one empty line before a request is passed over") {
  CHECK(refusal_of("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n") == 0);
}

TEST_CASE("versions other than 1.0 and 1.1 are refused by their kind") {
  CHECK(refusal_of("GET / HTTP/1.0\r\n\r\n") == 0);
  CHECK(refusal_of("GET / HTTP/1.2\r\nHost: a\r\n\r\n") == 505);
  CHECK(refusal_of("GET / HTTP/3.0\r\nHost: a\r\n\r\n") == 505);
  CHECK(refusal_of("GET / HTCPCP/1.0\r\nHost: a\r\n\r\n") == 400);
}

TEST_CASE("limits are refused as soon as they are passed") {
  const HeadLimits limits{.line = 32, .bytes = 64, .fields = 2};
  HeadScanner::Progress progress;
  const std::string long_line = "GET /" + std::string(100, 'x');
  CHECK(scan_in_steps(long_line, 1, progress, limits).refusal().status == 414);
  const std::string long_fields = "GET / HTTP/1.1\r\nX: " + std::string(100, 'x');
  CHECK(scan_in_steps(long_fields, 1, progress, limits).refusal().status == 431);
  const std::string many = "GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n";
  CHECK(scan_in_steps(many, 1000, progress, limits).refusal().status == 431);
  const std::string fits = "GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\n\r\n";
  CHECK(scan_in_steps(fits, 1, progress, limits).size() == fits.size());
}

TEST_CASE("limits are exact, however the head is split") {
  const std::string head =
      "GET /" + std::string(86, 'x') + " HTTP/1.1\r\nA: " + std::string(45, 'y') + "\r\n\r\n";
  const size_t step = GENERATE(size_t{1}, size_t{3}, size_t{1000});
  HeadScanner::Progress progress;
  scan_in_steps(head, step, progress, {.line = 100, .bytes = 50, .fields = 1});
  CHECK(progress == HeadScanner::Progress::complete);
  CHECK(scan_in_steps(head, step, progress, {.line = 99, .bytes = 50, .fields = 1}).refusal().status == 414);
  CHECK(scan_in_steps(head, step, progress, {.line = 100, .bytes = 49, .fields = 1}).refusal().status == 431);
  CHECK(scan_in_steps(head, step, progress, {.line = 100, .bytes = 50, .fields = 0}).refusal().status == 431);
}

TEST_CASE("a head's size does not depend on what follows it") {
  const std::string text = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next";
  HeadScanner::Progress progress;
  CHECK(scan_in_steps(text, text.size(), progress).size() == text.size() - 9);
}

TEST_CASE("how an answer's body is delimited follows from the request and the status") {
  struct Row {
    std::string_view head;
    Method method;
    BodyKind kind;
  };
  const Row row =
      GENERATE(Row{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method::get, BodyKind::length},
               Row{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method::head, BodyKind::none},
               Row{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Method::get, BodyKind::chunked},
               Row{"HTTP/1.1 200 OK\r\n\r\n", Method::get, BodyKind::until_close},
               Row{"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", Method::get, BodyKind::none},
               Row{"HTTP/1.1 204 No\r\n\r\n", Method::get, BodyKind::none},
               Row{"HTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\n", Method::get, BodyKind::none},
               Row{"HTTP/1.1 100 Continue\r\n\r\n", Method::post, BodyKind::none});
  ResponseHead head;
  INFO(row.head);
  REQUIRE_FALSE(parse_response_head(row.head, row.method, head));
  CHECK(head.framing.kind == row.kind);
}

TEST_CASE("malformed answers are refused") {
  const std::string text =
      GENERATE("HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 999 No\r\n\r\n",
               "HTTP/2.0 200 OK\r\n\r\n", "ICY 200 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n",
               "HTTP/1.1 200 O\x01K\r\n\r\n",
               "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
               "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  ResponseHead head;
  INFO(text);
  CHECK(parse_response_head(text, Method::get, head));
}

TEST_CASE("field names are known in any case") {
  CHECK(field_id("host") == FieldId::host);
  CHECK(field_id("CONTENT-length") == FieldId::content_length);
  CHECK(field_id("X-Forwarded-For") == FieldId::x_forwarded_for);
  CHECK(field_id("x-forwarded-fox") == FieldId::other);
  CHECK(field_id("") == FieldId::other);
}
