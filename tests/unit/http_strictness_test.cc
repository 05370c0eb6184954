// What smuggling needs, refused: each item of the reject list, with every split of its bytes.

#include <catch2/catch.hpp>
#include <string>

#include "pkg/base/random.hh"
#include "pkg/http/head.hh"
#include "pkg/http/syntax.hh"
#include "pkg/http/write.hh"

using namespace weir;
using namespace weir::http;
using Progress = HeadScanner::Progress;

namespace {

constexpr int kIncomplete = -1;
constexpr int kAccepted = 0;

// What the reader of a connection finds: 0, the refusal's status, or that more is needed. The bytes come in
// two pieces, cut at `cut`.
int verdict_on(std::string_view text, size_t cut, HeadLimits limits = {}) {
  HeadScanner scanner;
  Progress progress = scanner.scan(text.substr(0, cut), limits);
  if (progress == Progress::need_more) progress = scanner.scan(text, limits);
  if (progress == Progress::refused) return scanner.refusal().status;
  if (progress == Progress::need_more) return kIncomplete;
  RequestHead head;
  const auto refusal = parse_request_head(text.substr(0, scanner.size()), head);
  return refusal ? refusal->status : kAccepted;
}

// The same, byte by byte.
int dripped_verdict_on(std::string_view text, HeadLimits limits = {}) {
  HeadScanner scanner;
  for (size_t end = 1; end <= text.size(); ++end) {
    const Progress progress = scanner.scan(text.substr(0, end), limits);
    if (progress == Progress::refused) return scanner.refusal().status;
    if (progress != Progress::complete) continue;
    RequestHead head;
    const auto refusal = parse_request_head(text.substr(0, scanner.size()), head);
    return refusal ? refusal->status : kAccepted;
  }
  return kIncomplete;
}

void check_verdict(const std::string& text, int expected) {
  INFO(text);
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    INFO("cut at " << cut);
    REQUIRE(verdict_on(text, cut) == expected);
  }
  REQUIRE(dripped_verdict_on(text) == expected);
}

std::string with_fields(const std::string& fields) {
  return "POST /x HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

}  // namespace

TEST_CASE("lengths that two readers could understand differently are refused") {
  const std::string fields = GENERATE(
      "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
      "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", "Content-Length: 5\r\nContent-Length: 5\r\n",
      "Content-Length: 5\r\ncontent-LENGTH: 6\r\n", "Content-Length: 5, 5\r\n", "Content-Length: 5,\r\n",
      "Content-Length: +5\r\n", "Content-Length: -5\r\n", "Content-Length: 0x5\r\n",
      "Content-Length: 5_0\r\n", "Content-Length: 5 0\r\n", "Content-Length: 5;\r\n", "Content-Length:\r\n",
      "Content-Length: \t \r\n", "Content-Length: 5.0\r\n", "Content-Length: \"5\"\r\n",
      "Content-Length: 9223372036854775808\r\n", "Content-Length: 18446744073709551616\r\n",
      "Content-Length: \xb2\r\n");
  check_verdict(with_fields(fields), 400);
}

TEST_CASE("transfer codings other than one final chunked are refused") {
  const std::string value = GENERATE(
      ",chunked", "chunked,", "chunked, chunked", "gzip", "gzip, chunked", "chunked, gzip", "identity",
      "chunked, identity",
      "\x0b"
      "chunked",
      "\x0c"
      "chunked",
      "chunked\x0b", "\"chunked\"", "chunked;q=1", "chunked ;", "xchunked", "chunke", "",
      "chunked\r\nTransfer-Encoding: chunked", "chunked\r\nTransfer-Encoding: identity",
      "identity\r\nTransfer-Encoding: chunked", "chunked\r\nTransfer_Encoding: x\r\n transfer-encoding: x",
      "\xa0"
      "chunked");
  check_verdict(with_fields("Transfer-Encoding: " + value + "\r\n"), 400);
  check_verdict("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
}

TEST_CASE("chunked is known in any case and between blanks") {
  check_verdict(with_fields("Transfer-Encoding: \tCHUNKed \r\n"), kAccepted);
}

TEST_CASE("lines that end in anything but CRLF are refused") {
  const std::string text =
      GENERATE("GET / HTTP/1.1\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\n\r\n",
               "GET / HTTP/1.1\r\nHost: a\r\n\n", "GET / HTTP/1.1\r\nHost: a\n\n",
               "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\rX: 1\r\n\r\n",
               "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n",
               "GET / HTTP/1.1\rXHost: a\r\n\r\n", "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n",
               "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n");
  check_verdict(text, 400);
}

TEST_CASE("a byte that no head may hold is refused when it comes, not when the head is complete") {
  const std::string begun =
      GENERATE("GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nX: a\n", "GET / HTTP/1.1\rX",
               "GET / HTTP/1.1\r\nX: a\rb", "\n", "\rG", "\r\n\r\n", "GE\x1bT", "GET / HTTP/1.1\r\nX: a\x01");
  check_verdict(begun, 400);
  check_verdict(std::string("GET /\0", 6), 400);
}

TEST_CASE("malformed fields are refused") {
  const std::string line = GENERATE(" X: folded", "\tX: folded", "X: 1\r\n folded", "X: 1\r\n\tfolded",
                                    "X : 1", "X\t: 1", "X", "X Y: 1", ": 1", ":", "X\x7f: 1", "X\xe9: 1",
                                    "X(: 1", "X\"Y: 1", "X,Y: 1", "X: \x7f", "X: a\x0b", "X: \x08");
  check_verdict(with_fields(line + "\r\n"), 400);
  check_verdict(with_fields(std::string("X: a\0b\r\n", 8)), 400);
  check_verdict(with_fields(std::string("X\0: a\r\n", 7)), 400);
}

TEST_CASE("values may hold tabs and bytes beyond ASCII, and may be empty") {
  check_verdict(with_fields("X: a\tb\xc3\xa9\xff\r\nY:\r\nZ: \r\n"), kAccepted);
}

TEST_CASE("malformed request lines are refused") {
  const auto [line, status] = GENERATE(table<std::string, int>({{"GET  / HTTP/1.1", 400},
                                                                {"GET /  HTTP/1.1", 400},
                                                                {" GET / HTTP/1.1", 400},
                                                                {"GET / HTTP/1.1 ", 400},
                                                                {"GET\t/\tHTTP/1.1", 400},
                                                                {"GET / HTTP/1.1\t", 400},
                                                                {"GET /", 400},
                                                                {"GET", 400},
                                                                {"/ HTTP/1.1", 400},
                                                                {"G(T / HTTP/1.1", 400},
                                                                {"G\xc9T / HTTP/1.1", 400},
                                                                {"GET / http/1.1", 400},
                                                                {"GET / HTTP/1", 400},
                                                                {"GET / HTTP/1.10", 400},
                                                                {"GET / HTTP/01.1", 400},
                                                                {"GET / HTTP/1.1x", 400},
                                                                {"GET / HTTP/+1.1", 400},
                                                                {"GET / HTTP 1.1", 400},
                                                                {"GET / HTTP/1,1", 400},
                                                                {"GET / HTTP/0.9", 505},
                                                                {"GET / HTTP/1.2", 505},
                                                                {"GET / HTTP/2.0", 505},
                                                                {"PRI * HTTP/2.0", 505},
                                                                {"GET /#f HTTP/1.1", 400},
                                                                {"GET /a b HTTP/1.1", 400},
                                                                {"GET /\x7f HTTP/1.1", 400},
                                                                {"GET /\xc3\xa9 HTTP/1.1", 400},
                                                                {"GET /a\\b HTTP/1.1", 400},
                                                                {"GET x HTTP/1.1", 400},
                                                                {"GET * HTTP/1.1", 400},
                                                                {"GET http:/a HTTP/1.1", 400},
                                                                {"GET http:///x HTTP/1.1", 400},
                                                                {"GET http://b/ HTTP/1.1", 400},
                                                                {"GET http://a:80/ HTTP/1.1", 400},
                                                                {"GET http://u@a/ HTTP/1.1", 400},
                                                                {"GET //a@b HTTP/1.1", 0},
                                                                {"get / HTTP/1.1", 0},
                                                                {"OPTIONS * HTTP/1.1", 0},
                                                                {"OPTIONS *x HTTP/1.1", 400}}));
  check_verdict(line + "\r\nHost: a\r\n\r\n", status);
}

TEST_CASE("Host stands there once and is well-formed") {
  const auto [lines, status] = GENERATE(table<std::string, int>({{"", 400},
                                                                 {"Host: a\r\nHost: a\r\n", 400},
                                                                 {"Host: a\r\nhOST: b\r\n", 400},
                                                                 {"Host:\r\n", 400},
                                                                 {"Host: a/b\r\n", 400},
                                                                 {"Host: u@a\r\n", 400},
                                                                 {"Host: a b\r\n", 400},
                                                                 {"Host: a,b\r\n", 400},
                                                                 {"Host: a:x\r\n", 400},
                                                                 {"Host: a:65536\r\n", 400},
                                                                 {"Host: a:-1\r\n", 400},
                                                                 {"Host: a:1:2\r\n", 400},
                                                                 {"Host: :80\r\n", 400},
                                                                 {"Host: [::1\r\n", 400},
                                                                 {"Host: [::1]x\r\n", 400},
                                                                 {"Host: [g::]\r\n", 400},
                                                                 {"Host: [1.2.3.4]\r\n", 400},
                                                                 {"Host: ::1\r\n", 400},
                                                                 {"Host: a?b\r\n", 400},
                                                                 {"Host: a#b\r\n", 400},
                                                                 {"Host: a\\b\r\n", 400},
                                                                 {"Host: a%41\r\n", 400},
                                                                 {"Host: \xc3\xa9\r\n", 400},
                                                                 {"Host: a:80\r\n", 0},
                                                                 {"Host: [::1]:80\r\n", 0},
                                                                 {"Host: 192.0.2.1\r\n", 0},
                                                                 {"Host: a_b.example.\r\n", 0}}));
  check_verdict("GET / HTTP/1.1\r\n" + lines + "\r\n", status);
}

TEST_CASE("Connection may name no field that is meant for everybody") {
  const std::string name =
      GENERATE("Host", "content-length", "Transfer-Encoding", "Authorization", "Cookie", "X-Forwarded-For",
               "X-Forwarded-Port", "x-forwarded-host", "Forwarded", "X-Real-IP", "Content-Type",
               "X-Request-Id", "Cache-Control", "X-API-Key");
  check_verdict(with_fields("Connection: close, " + name + "\r\n"), 400);
  check_verdict(with_fields("Connection: close\r\nConnection: " + name + " , x\r\n"), 400);
}

TEST_CASE("Connection may name fields of one connection, and must be made of tokens") {
  check_verdict(with_fields("Connection: close, TE, Trailer, Keep-Alive, , Upgrade, HTTP2-Settings, x\r\n"),
                0);
  check_verdict(with_fields("Connection: clo se\r\n"), 400);
  check_verdict(with_fields("Connection: \"close\"\r\n"), 400);
}

TEST_CASE("an upgrade in which HTTP would go on unread is not asked for") {
  const auto [value, upgrade] = GENERATE(table<std::string, std::string>({{"websocket", "websocket"},
                                                                          {"foo/2, bar", "foo/2, bar"},
                                                                          {"h2c", ""},
                                                                          {"H2C", ""},
                                                                          {"websocket, h2c", ""},
                                                                          {"HTTP/2.0", ""},
                                                                          {"TLS/1.2, HTTP/1.1", ""}}));
  const std::string text =
      with_fields("Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAM\r\nUpgrade: " + value + "\r\n");
  RequestHead head;
  REQUIRE_FALSE(parse_request_head(text, head));
  CHECK(head.upgrade == upgrade);
}

TEST_CASE("limits hold to the byte, however the bytes are split") {
  const HeadLimits limits{.line = 32, .bytes = 40, .fields = 3};
  const auto check = [&](const std::string& text, int expected) {
    INFO(text);
    for (size_t cut = 0; cut <= text.size(); ++cut) {
      INFO("cut at " << cut);
      REQUIRE(verdict_on(text, cut, limits) == expected);
    }
    REQUIRE(dripped_verdict_on(text, limits) == expected);
  };
  const std::string fields = "Host: a\r\n\r\n";
  const std::string blank = GENERATE("", "\r\n");  // the empty line that may lead counts for nothing
  check(blank + "GET /" + std::string(18, 'x') + " HTTP/1.1\r\n" + fields, kAccepted);  // 32 bytes
  check(blank + "GET /" + std::string(19, 'x') + " HTTP/1.1\r\n" + fields, 414);
  check(blank + "GET /" + std::string(19, 'x') + " HTTP/1.1\n" + fields, 414);
  const std::string line = blank + "GET / HTTP/1.1\r\nHost: a\r\n";  // 9 bytes of fields
  check(line + "X: " + std::string(26, 'y') + "\r\n\r\n", kAccepted);
  check(line + "X: " + std::string(27, 'y') + "\r\n\r\n", 431);
  check(line + "A: 1\r\nB: 2\r\n\r\n", kAccepted);
  check(line + "A: 1\r\nB: 2\r\nC: 3\r\n\r\n", 431);
  check(line + "A: 1\r\nB: 2\r\nC", 431);
}

TEST_CASE("the scanner gives random bytes the same verdict in any split") {
  const uint64_t seed = Random().next();
  INFO("seed " << seed);
  Random random(seed);
  constexpr std::string_view kPieces[] = {
      "\r\n", "\r", "\n", "\t", "a", "GET / HTTP/1.1", "X: y", ":", "\x01", "\xff", "bbbbbbbbbbbbbbbbbb"};
  const HeadLimits limits{.line = 24, .bytes = 60, .fields = 4};
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (uint64_t n = random.below(16); n > 0; --n) {
      text += kPieces[random.below(std::size(kPieces))];
      if (random.below(2) == 0) text += "\r\n";
    }
    INFO(text);
    const int whole = verdict_on(text, text.size(), limits);
    REQUIRE(dripped_verdict_on(text, limits) == whole);
    REQUIRE(verdict_on(text, random.below(text.size() + 1), limits) == whole);
  }
}

TEST_CASE("OPTIONS of a bare host asks about the server") {
  RequestHead head;
  REQUIRE_FALSE(parse_request_head("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n", head));
  CHECK(head.path == "*");
  REQUIRE_FALSE(parse_request_head("OPTIONS http://a?q HTTP/1.1\r\nHost: a\r\n\r\n", head));
  CHECK(head.path == "/");
}

TEST_CASE("what was understood and is written again is understood as the same") {
  const uint64_t seed = Random().next();
  INFO("seed " << seed);
  Random random(seed);
  const auto word = [&](std::string_view alphabet, uint64_t most) {
    std::string out;
    for (uint64_t n = 1 + random.below(most); n > 0; --n) out += alphabet[random.below(alphabet.size())];
    return out;
  };
  for (int round = 0; round < 2000; ++round) {
    std::string text = word("GETPOSHDx!~", 6) + " /" + word("ab/%;=?&", 20) + " HTTP/1.1\r\nHost: a\r\n";
    for (uint64_t n = random.below(8); n > 0; --n)
      append_field(text, "x" + word("abC-_.", 10), word("a b\t\xc3\"=,;", 20));
    if (random.below(2) == 0) append_field(text, "Content-Length", random.below(1000));
    text += "\r\n";
    INFO(text);
    RequestHead first;
    REQUIRE_FALSE(parse_request_head(text, first));
    std::string written = std::string(first.method_text) + " " + std::string(first.target) + " HTTP/1.1\r\n";
    for (const Field& field : first.fields) append_field(written, field.name, field.value);
    written += "\r\n";
    RequestHead second;
    REQUIRE_FALSE(parse_request_head(written, second));
    REQUIRE(second.path == first.path);
    REQUIRE(second.query == first.query);
    REQUIRE(second.framing.kind == first.framing.kind);
    REQUIRE(second.framing.length == first.framing.length);
    REQUIRE(second.fields.size() == first.fields.size());
    REQUIRE(
        std::equal(second.fields.begin(), second.fields.end(), first.fields.begin(),
                   [](const Field& a, const Field& b) { return a.name == b.name && a.value == b.value; }));
  }
}

TEST_CASE("answers are read as strictly") {
  const std::string text =
      GENERATE("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
               "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
               "HTTP/1.1 200 OK\r\nX : 1\r\n\r\n", "HTTP/1.1 200 OK\r\nX: 1\r\n folded\r\n\r\n",
               "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", "HTTP/1.1 +20 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n",
               "HTTP/1.1 600 OK\r\n\r\n", "HTTP/1.1 200OK\r\n\r\n", "HTTP/1.1\t200 OK\r\n\r\n",
               "HTTP/1.2 200 OK\r\n\r\n", "HTTP/1.1 103 Hints\r\nContent-Length: 5\r\n\r\n",
               "HTTP/1.1 100 Go\r\nTransfer-Encoding: chunked\r\n\r\n",
               "HTTP/1.1 200 OK\r\nConnection: Content-Length\r\nContent-Length: 5\r\n\r\n");
  ResponseHead head;
  INFO(text);
  CHECK(parse_response_head(text, Method::get, head));
}

TEST_CASE("a connection on which a 204 claims a body is not used again") {
  const auto [fields, reusable] =
      GENERATE(table<std::string, bool>({{"", true},
                                         {"Content-Length: 0\r\n", true},
                                         {"Content-Length: 5\r\n", false},
                                         {"Transfer-Encoding: chunked\r\n", false}}));
  ResponseHead head;
  REQUIRE_FALSE(parse_response_head("HTTP/1.1 204 No Content\r\n" + fields + "\r\n", Method::get, head));
  CHECK(head.framing.kind == BodyKind::none);
  CHECK(head.keep_alive == reusable);
}
