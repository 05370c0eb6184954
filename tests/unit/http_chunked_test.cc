#include "pkg/http/chunked.hh"

#include <catch2/catch.hpp>
#include <string>

using namespace weir::http;

namespace {

struct Decoded {
  std::string content;
  bool done = false;
  bool refused = false;
  size_t consumed = 0;
};

// Feeds `text` in pieces of `step` bytes, as a stream would bring it.
Decoded decode(const std::string& text, size_t step) {
  ChunkedDecoder decoder;
  Decoded out;
  std::string buffer;
  for (size_t at = 0; at < text.size() && !decoder.is_done() && !decoder.refusal(); at += step) {
    buffer += text.substr(at, step);
    const auto taken = decoder.decode(buffer);
    out.content += buffer.substr(0, taken.produced);
    out.consumed += taken.consumed;
    buffer.erase(0, taken.consumed);
  }
  out.done = decoder.is_done();
  out.refused = decoder.refusal().has_value();
  return out;
}

}  // namespace

TEST_CASE("a chunked body is decoded however it is split, and not a byte beyond its end") {
  const std::string body = "5\r\nhello\r\n6;a=\"q;\\\"\";b\r\n world\r\n00\r\nX-Sum: 1\r\nY: 2\r\n\r\n";
  for (size_t step = 1; step <= body.size() + 3; ++step) {
    const auto decoded = decode(body + "GET", step);
    CHECK(decoded.done);
    CHECK(decoded.content == "hello world");
    CHECK(decoded.consumed == body.size());
  }
}

TEST_CASE("trailers are fields") {
  ChunkedDecoder decoder;
  std::string body = "0\r\nX-Sum: 1\r\nY: 2\r\n\r\n";
  decoder.decode(body);
  REQUIRE(decoder.is_done());
  CHECK(decoder.trailers().find("x-sum") == "1");
  CHECK(decoder.trailers().size() == 2);
}

TEST_CASE("trailers that speak of the message itself are refused, in disguise too") {
  const std::string name = GENERATE(
      "Transfer-Encoding", "content_length", "X_Forwarded_For", "Authorization", "Proxy-Authorization",
      "Set-Cookie", "Content-Type", "Content-Encoding", "If-Match", "Cache-Control", "Range", "X-Real-IP",
      "x-forwarded-port", "Sec-WebSocket-Key", "Access-Control-Allow-Origin", "Trailer", "traceparent");
  INFO(name);
  CHECK(decode("0\r\n" + name + ": 1\r\n\r\n", 1000).refused);
}

TEST_CASE("trailers that speak of the content pass") {
  const std::string name = GENERATE("Content-Digest", "Content-MD5", "Date", "Server-Timing", "ETag",
                                    "grpc-status", "x-amz-checksum-crc32", "X-A-Name-That-Is-Rather-Long");
  INFO(name);
  CHECK(decode("0\r\n" + name + ": 1\r\n\r\n", 1000).done);
}

TEST_CASE("malformed chunking is refused however it is split") {
  const std::string body = GENERATE(
      "\r\n", " 5\r\nhello\r\n", "5 \r\nhello\r\n", "0x5\r\nhello\r\n", "-5\r\n", "g\r\n", "5\nhello\r\n",
      "5\rXhello", "5\r\nhelloX", "5\r\nhello\n", "5\r\nhello\rX", "fffffffffffffffff\r\n", "5;\x01\r\n",
      "5;\"\r\n\"\r\n", "0\r\nX: 1\n\r\n", "0\r\nHost: a\r\n\r\n", "0\r\nContent-Length: 1\r\n\r\n",
      "0\r\n X: 1\r\n\r\n", "0\r\nX\r\n\r\n", "0\r\n\n");
  for (size_t step = 1; step <= body.size(); ++step) {
    INFO(body << " in steps of " << step);
    CHECK(decode(body, step).refused);
  }
}

TEST_CASE("extensions keep to their grammar") {
  const auto accepts = [](std::string_view extension) {
    std::string body = "5" + std::string(extension) + "\r\nhello\r\n0\r\n\r\n";
    ChunkedDecoder decoder;
    decoder.decode(body);
    return decoder.is_done();
  };
  for (const char* good : {";a", ";a;b", ";a=b", ";a=\"b\"", ";a=\"b;\\\"c\";d=e"}) {
    INFO(good);
    CHECK(accepts(good));
  }
  for (const char* bad : {";", ";;a", ";a=", ";=b", "; a", ";a ", ";a =b", ";a= \"b\"", ";a=b\"c\"",
                          ";a=\"b\"c", ";a=\"b", ";a=\"b\\\"", ";a=b=c", ";a\x01", ";a=\"\x7f\""}) {
    INFO(bad);
    CHECK_FALSE(accepts(bad));
  }
}

TEST_CASE("extensions and trailers are bounded") {
  std::string many;
  for (int i = 0; i < 100; ++i) many += "1;" + std::string(50, 'x') + "\r\na\r\n";
  CHECK(decode(many, 1000).refused);
  CHECK(decode("0\r\nX: " + std::string(10000, 'y'), 1000).refused);
}
