// RFC 9113 and RFC 7541 as bytes: what a client must not do and what it is told then, each in one step and
// byte by byte.

#include "tests/unit/h2_wire.hh"

using namespace h2wire;
using weir::http::H2Code;

namespace {

struct Case {
  const char* rule;
  std::string bytes;  // behind the greeting
  uint32_t code;
};

const std::string kWindowFull(16384, 'x');

std::string window_update(uint32_t stream, uint32_t increment) {
  return frame(kWindowUpdate, 0, stream, number(increment, 4));
}

std::string headers(uint32_t stream, std::string_view raw, uint8_t flags = kEndHeaders | kEndStream) {
  return frame(kHeaders, flags, stream, raw);
}

// The four fields of a GET from the static table, but for :authority.
const std::string kIndexedGet = "\x82\x86\x84" + field(":authority", "a");

}  // namespace

TEST_CASE("errors of the connection end it with GOAWAY and their code") {
  const auto settings = [](std::string_view payload) { return frame(kSettings, 0, 0, payload); };
  const std::vector<Case> cases = {
      // 4.1, 4.2
      {"a frame beyond SETTINGS_MAX_FRAME_SIZE", frame(0xf0, 0, 0, std::string(16385, 'x')),
       H2Code::kFrameSizeError},
      {"DATA beyond it", post(1) + data(1, std::string(16385, 'x')), H2Code::kFrameSizeError},
      {"HEADERS beyond it", headers(1, std::string(16385, 'x')), H2Code::kFrameSizeError},
      // 4.3
      {"a header block that cannot be decoded", headers(1, "\xff\xff\xff\xff\xff\xff"),
       H2Code::kCompressionError},
      {"a frame within a header block", headers(1, "\x82", 0) + frame(kPing, 0, 0, "12345678"),
       H2Code::kProtocolError},
      {"an unknown frame within a header block", headers(1, "\x82", 0) + frame(0xf0, 0, 0),
       H2Code::kProtocolError},
      {"PRIORITY within a header block", headers(1, "\x82", 0) + frame(kPriority, 0, 1, number(0, 5)),
       H2Code::kProtocolError},
      {"HEADERS of another stream within a header block", headers(1, "\x82", 0) + get(3),
       H2Code::kProtocolError},
      {"CONTINUATION of another stream", headers(1, "\x82", 0) + frame(kContinuation, 4, 3, "\x86"),
       H2Code::kProtocolError},
      // 5.1: idle
      {"DATA on an idle stream", data(1, "x", kEndStream), H2Code::kProtocolError},
      {"RST_STREAM on an idle stream", reset(1, 8), H2Code::kProtocolError},
      {"WINDOW_UPDATE on an idle stream", window_update(1, 1), H2Code::kProtocolError},
      {"CONTINUATION on an idle stream", frame(kContinuation, 4, 1, "\x82"), H2Code::kProtocolError},
      // 5.1: half-closed (remote) and closed
      {"DATA behind END_STREAM", get(1) + data(1, "x", kEndStream), H2Code::kStreamClosed},
      {"HEADERS behind END_STREAM", get(1) + get(1), H2Code::kStreamClosed},
      {"CONTINUATION behind END_STREAM", get(1) + frame(kContinuation, 4, 1, "\x82"), H2Code::kProtocolError},
      {"DATA behind RST_STREAM", post(1) + reset(1, 8) + data(1, "x", kEndStream), H2Code::kStreamClosed},
      {"HEADERS behind RST_STREAM", post(1) + reset(1, 8) + get(1), H2Code::kStreamClosed},
      {"DATA behind END_STREAM in DATA", post(1) + data(1, "x", kEndStream) + data(1, "y"),
       H2Code::kStreamClosed},
      // 5.1.1
      {"an even stream", get(2), H2Code::kProtocolError},
      {"a stream below the last one", get(5) + get(3), H2Code::kProtocolError},
      {"DATA on a stream that was passed over", get(5) + data(3, "x"), H2Code::kStreamClosed},
      {"DATA on an even stream", get(5) + data(2, "x"), H2Code::kProtocolError},
      // 5.3.1 of RFC 7540
      {"HEADERS that depend on themselves",
       headers(1, number(1, 4) + '\x10' + kIndexedGet, kEndHeaders | kEndStream | kHasPriority),
       H2Code::kProtocolError},
      {"PRIORITY that depends on itself", frame(kPriority, 0, 1, number(1, 4) + '\x10'),
       H2Code::kProtocolError},
      // 6.1
      {"DATA on stream 0", data(0, "x"), H2Code::kProtocolError},
      {"DATA with as much padding as payload", post(1) + data(1, "\x05hell", kPadded),
       H2Code::kProtocolError},
      {"padded DATA of nothing", post(1) + data(1, "", kPadded), H2Code::kFrameSizeError},
      // 6.2
      {"HEADERS on stream 0", get(0), H2Code::kProtocolError},
      {"HEADERS with more padding than payload",
       headers(1, "\x20" + kIndexedGet, kEndHeaders | kEndStream | kPadded), H2Code::kProtocolError},
      {"HEADERS too short for their priority",
       headers(1, "\x01\x02", kEndHeaders | kEndStream | kHasPriority), H2Code::kFrameSizeError},
      // 6.3
      {"PRIORITY on stream 0", frame(kPriority, 0, 0, number(1, 5)), H2Code::kProtocolError},
      {"PRIORITY of the wrong size", frame(kPriority, 0, 1, number(0, 4)), H2Code::kFrameSizeError},
      // 6.4
      {"RST_STREAM on stream 0", reset(0, 8), H2Code::kProtocolError},
      {"RST_STREAM of the wrong size", post(1) + frame(kReset, 0, 1, "abc"), H2Code::kFrameSizeError},
      // 6.5
      {"SETTINGS on a stream", frame(kSettings, 0, 1), H2Code::kProtocolError},
      {"SETTINGS of the wrong size", settings("abc"), H2Code::kFrameSizeError},
      {"an acknowledgement with settings", frame(kSettings, kAck, 0, setting(1, 1)), H2Code::kFrameSizeError},
      {"SETTINGS_ENABLE_PUSH of 2", settings(setting(2, 2)), H2Code::kProtocolError},
      {"SETTINGS_INITIAL_WINDOW_SIZE of 2^31", settings(setting(4, 0x80000000)), H2Code::kFlowControlError},
      {"SETTINGS_MAX_FRAME_SIZE below 2^14", settings(setting(5, 16383)), H2Code::kProtocolError},
      {"SETTINGS_MAX_FRAME_SIZE of 2^24", settings(setting(5, 1 << 24)), H2Code::kProtocolError},
      // 6.6
      {"PUSH_PROMISE", get(1) + frame(kPush, kEndHeaders, 1, number(2, 4) + kIndexedGet),
       H2Code::kProtocolError},
      // 6.7
      {"PING on a stream", frame(kPing, 0, 1, "12345678"), H2Code::kProtocolError},
      {"PING of the wrong size", frame(kPing, 0, 0, "123456"), H2Code::kFrameSizeError},
      // 6.8
      {"GOAWAY on a stream", frame(kGoaway, 0, 1, number(0, 8)), H2Code::kProtocolError},
      {"GOAWAY of the wrong size", frame(kGoaway, 0, 0, number(0, 7)), H2Code::kFrameSizeError},
      // 6.9
      {"WINDOW_UPDATE of 0 on a stream", post(1) + window_update(1, 0), H2Code::kProtocolError},
      {"WINDOW_UPDATE of 0 on the connection", window_update(0, 0), H2Code::kProtocolError},
      {"WINDOW_UPDATE of the wrong size", frame(kWindowUpdate, 0, 0, "abc"), H2Code::kFrameSizeError},
      {"the connection's window beyond 2^31-1", window_update(0, 0x7fffffff) + window_update(0, 0x7fffffff),
       H2Code::kFlowControlError},
      // 6.10
      {"CONTINUATION behind the end of the block", headers(1, kIndexedGet) + frame(kContinuation, 4, 1),
       H2Code::kProtocolError},
      {"CONTINUATION on stream 0", headers(1, "\x82", 0) + frame(kContinuation, 4, 0, "\x86"),
       H2Code::kProtocolError},
      {"CONTINUATION behind DATA", post(1) + data(1, "x") + frame(kContinuation, 4, 1, "\x82"),
       H2Code::kProtocolError},
      // RFC 7541
      {"2.3.3: an index beyond the tables", headers(1, kIndexedGet + "\xc6"), H2Code::kCompressionError},
      {"6.1: index 0", headers(1, kIndexedGet + "\x80"), H2Code::kCompressionError},
      {"4.2: a table size update behind a field", headers(1, kIndexedGet + "\x20"),
       H2Code::kCompressionError},
      {"6.3: a table size update beyond the limit", headers(1, "\x3f\xe2\x1f" + kIndexedGet),
       H2Code::kCompressionError},
      {"5.2: Huffman padding of a byte",
       headers(1, kIndexedGet + std::string("\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff", 12)),
       H2Code::kCompressionError},
      {"5.2: Huffman padding with zeroes",
       headers(1, kIndexedGet + std::string("\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90", 11)),
       H2Code::kCompressionError},
      {"5.2: Huffman with EOS",
       headers(1,
               kIndexedGet + std::string("\x00\x85\xf2\xb2\x4a\x84\xff\x87\x49\x51\xff\xff\xff\xfa\x7f", 15)),
       H2Code::kCompressionError},
      {"a block that ends within a field",
       headers(1,
               "\x82\x86\x84\x41\x0a"
               "abc"),
       H2Code::kCompressionError},
  };
  for (const Case& each : cases) {
    for (const size_t step : {SIZE_MAX, size_t{1}}) {
      CAPTURE(each.rule, step);
      Server server;
      server.feed(kGreeting + each.bytes, step);
      CHECK(server.goaway() == each.code);
      CHECK(server.core.is_finished());
    }
  }
}

TEST_CASE("errors of a stream reset it and leave the connection alone") {
  const std::vector<Case> cases = {
      {"6.9.1: a window beyond 2^31-1", post(1) + window_update(1, 0x7fffffff) + window_update(1, 1),
       H2Code::kFlowControlError},
      {"8.1: trailers without END_STREAM", post(1) + headers(1, field("x", "y"), kEndHeaders),
       H2Code::kProtocolError},
      {"8.1: a pseudo-header field in trailers", post(1) + headers(1, field(":method", "GET")),
       H2Code::kProtocolError},
      {"6.5.1 of RFC 9110: a trailer that must stand in the head",
       post(1) + headers(1, field("authorization", "x")), H2Code::kProtocolError},
      {"8.1.1: more content than content-length",
       post(1, with(kPost, {{"content-length", "1"}})) + data(1, "test", kEndStream), H2Code::kProtocolError},
      {"8.1.1: less content than content-length",
       post(1, with(kPost, {{"content-length", "5"}})) + data(1, "test", kEndStream), H2Code::kProtocolError},
      {"8.1.1: less over several frames",
       post(1, with(kPost, {{"content-length", "9"}})) + data(1, "test") + data(1, "test", kEndStream),
       H2Code::kProtocolError},
      {"8.1.1: content-length without content", get(1, with(kPost, {{"content-length", "5"}})),
       H2Code::kProtocolError},
      {"8.1.1: two content-lengths", post(1, with(kPost, {{"content-length", "1"}, {"content-length", "1"}})),
       H2Code::kProtocolError},
      {"8.1.1: content-length of +1", post(1, with(kPost, {{"content-length", "+1"}})),
       H2Code::kProtocolError},
      {"8.2: upper case in a name", get(1, with(kGet, {{"X-Test", "x"}})), H2Code::kProtocolError},
      {"8.2.1: an empty name", get(1, with(kGet, {{"", "x"}})), H2Code::kProtocolError},
      {"8.2.1: a space in a name", get(1, with(kGet, {{"x y", "x"}})), H2Code::kProtocolError},
      {"8.2.1: a colon in a name", get(1, with(kGet, {{"x:y", "x"}})), H2Code::kProtocolError},
      {"8.2.1: LF in a value", get(1, with(kGet, {{"x", "a\nb"}})), H2Code::kProtocolError},
      {"8.2.1: CR in a value", get(1, with(kGet, {{"x", "a\rb"}})), H2Code::kProtocolError},
      {"8.2.1: NUL in a value", get(1, with(kGet, {{"x", std::string("a\0b", 3)}})), H2Code::kProtocolError},
      {"8.2.1: a space before a value", get(1, with(kGet, {{"x", " a"}})), H2Code::kProtocolError},
      {"8.2.1: a tab behind a value", get(1, with(kGet, {{"x", "a\t"}})), H2Code::kProtocolError},
      {"8.2.2: connection", get(1, with(kGet, {{"connection", "keep-alive"}})), H2Code::kProtocolError},
      {"8.2.2: keep-alive", get(1, with(kGet, {{"keep-alive", "1"}})), H2Code::kProtocolError},
      {"8.2.2: proxy-connection", get(1, with(kGet, {{"proxy-connection", "close"}})),
       H2Code::kProtocolError},
      {"8.2.2: transfer-encoding", post(1, with(kPost, {{"transfer-encoding", "chunked"}})),
       H2Code::kProtocolError},
      {"8.2.2: upgrade", get(1, with(kGet, {{"upgrade", "h2c"}})), H2Code::kProtocolError},
      {"8.2.2: te other than trailers", get(1, with(kGet, {{"te", "trailers, deflate"}})),
       H2Code::kProtocolError},
      {"8.3: an unknown pseudo-header field", get(1, with(kGet, {{":test", "x"}})), H2Code::kProtocolError},
      {"8.3: one of an answer", get(1, with(kGet, {{":status", "200"}})), H2Code::kProtocolError},
      {"8.3: one behind other fields", get(1, with({{"x", "y"}}, kGet)), H2Code::kProtocolError},
      {"8.3.1: :method twice", get(1, with(kGet, {{":method", "GET"}})), H2Code::kProtocolError},
      {"8.3.1: :path twice", get(1, with(kGet, {{":path", "/"}})), H2Code::kProtocolError},
      {"8.3.1: :authority twice", get(1, with(kGet, {{":authority", "a"}})), H2Code::kProtocolError},
      {"8.3.1: no :method", get(1, {{":scheme", "http"}, {":path", "/"}, {":authority", "a"}}),
       H2Code::kProtocolError},
      {"8.3.1: no :scheme", get(1, {{":method", "GET"}, {":path", "/"}, {":authority", "a"}}),
       H2Code::kProtocolError},
      {"8.3.1: no :path", get(1, {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}}),
       H2Code::kProtocolError},
      {"8.3.1: an empty :path",
       get(1, {{":method", "GET"}, {":scheme", "http"}, {":path", ""}, {":authority", "a"}}),
       H2Code::kProtocolError},
      {"8.3.1: a :path without a slash",
       get(1, {{":method", "GET"}, {":scheme", "http"}, {":path", "x"}, {":authority", "a"}}),
       H2Code::kProtocolError},
      {"8.3.1: user information in :authority",
       get(1, {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "u@a"}}),
       H2Code::kProtocolError},
      {"8.3.1: Host differs from :authority", get(1, with(kGet, {{"host", "b"}})), H2Code::kProtocolError},
      {"8.3.1: a :method that is no token",
       get(1, {{":method", "G T"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}}),
       H2Code::kProtocolError},
      {"8.5: CONNECT with :path",
       get(1, {{":method", "CONNECT"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a:1"}}),
       H2Code::kProtocolError},
      {"8.5: CONNECT without :authority", get(1, {{":method", "CONNECT"}}), H2Code::kProtocolError},
      {"RFC 8441: extended CONNECT that was not offered",
       get(1, {{":method", "CONNECT"},
               {":protocol", "websocket"},
               {":scheme", "http"},
               {":path", "/"},
               {":authority", "a"}}),
       H2Code::kProtocolError},
  };
  for (const Case& each : cases) {
    for (const size_t step : {SIZE_MAX, size_t{1}}) {
      CAPTURE(each.rule, step);
      Server server;
      server.feed(kGreeting + each.bytes, step);
      CHECK(server.reset_of(1) == each.code);
      server.feed(get(3));
      CHECK(server.status_of(3) == "200");
      CHECK_FALSE(server.goaway());
    }
  }
}

TEST_CASE("requests that only mean nothing are answered") {
  const auto request = [](const Fields& other) {
    Fields fields = {{":method", "GET"}, {":scheme", "http"}};
    return get(1, with(fields, other));
  };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {request({{":path", "/"}}), "400"},                                        // no host
      {request({{":path", "/"}, {":authority", "a b"}}), "400"},                 //
      {request({{":path", "/"}, {":authority", "a/b"}}), "400"},                 //
      {request({{":path", "/#x"}, {":authority", "a"}}), "400"},                 //
      {request({{":path", "/\\x"}, {":authority", "a"}}), "400"},                //
      {request({{":path", "/a b"}, {":authority", "a"}}), "400"},                //
      {request({{":path", "/\xc3\xa4"}, {":authority", "a"}}), "400"},           //
      {request({{":path", "/"}, {"host", "a"}, {"host", "a"}}), "400"},          //
      {request({{":path", "/"}, {":authority", "a"}, {"expect", "x"}}), "417"},  //
      {get(1, {{":method", "GET"}, {":scheme", "ftp"}, {":path", "/"}, {":authority", "a"}}), "400"},
      {get(1, {{":method", "CONNECT"}, {":authority", "nowhere"}}), "400"},
      {request({{":path", "/" + std::string(9000, 'a')}, {":authority", "a"}}), "414"},
      {request({{":path", "/"}, {":authority", "a"}, {"x", std::string(16384, 'a')}}), "431"},
      {request(with({{":path", "/"}, {":authority", "a"}}, Fields(101, {"x", "y"}))), "431"},
  };
  for (const auto& [bytes, status] : cases) {
    CAPTURE(bytes, status);
    std::string split;  // a head of more than a frame
    for (size_t at = 9; at < bytes.size() || split.empty(); at += 16384) {
      const bool last = at + 16384 >= bytes.size();
      const auto flags = static_cast<uint8_t>((last ? kEndHeaders : 0) | (at == 9 ? kEndStream : 0));
      split += frame(at == 9 ? kHeaders : kContinuation, flags, 1, std::string_view(bytes).substr(at, 16384));
    }
    Server server;
    server.feed(kGreeting + split);
    CHECK(server.status_of(1) == status);
    CHECK_FALSE(server.goaway());
  }
}

TEST_CASE("what RFC 9113 allows is served") {
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"4.1: an unknown frame", frame(0xf0, 0xff, 0, "whatever") + frame(0xf0, 0, 7) + get(1)},
      {"4.1: the reserved bit of a stream", frame(kHeaders, 0x5, 0x80000001, block(kGet))},
      {"4.1: flags without meaning", frame(kPing, 0xfe, 0, "12345678") + get(1)},
      {"5.1: PRIORITY on an idle stream", frame(kPriority, 0, 3, number(0, 4) + '\x01') + get(1)},
      {"5.1: PRIORITY behind the end", get(1) + frame(kPriority, 0, 1, number(0, 4) + '\x01')},
      {"5.1: WINDOW_UPDATE and RST_STREAM behind the end",
       get(1) + window_update(1, 5) + reset(1, 8) + get(3)},
      {"5.1.1: streams may be passed over", get(101) + get(301) + get(5001) + get(5003) + post(100001) +
                                                data(100001, "", kEndStream) + get(900001) + get(900003)},
      {"6.1: padded DATA", post(1) + data(1, std::string("\x02xyz\0\0", 6), kPadded | kEndStream)},
      {"6.2: padded HEADERS with a priority",
       headers(1, "\x01" + number(0, 4) + '\x05' + kIndexedGet + std::string(1, '\0'),
               kEndHeaders | kEndStream | kPadded | kHasPriority)},
      {"6.4: an unknown code", post(3) + reset(3, 0xffff) + get(5)},
      {"6.5.2: an unknown setting", frame(kSettings, 0, 0, setting(0xff, 1)) + get(1)},
      {"6.5.3: settings more than once",
       frame(kSettings, 0, 0, setting(4, 100) + setting(4, 70000)) + get(1)},
      {"6.10: a block in pieces", headers(1, kIndexedGet.substr(0, 1), kEndStream) +
                                      frame(kContinuation, 0, 1, kIndexedGet.substr(1, 3)) +
                                      frame(kContinuation, 0, 1) +
                                      frame(kContinuation, kEndHeaders, 1, kIndexedGet.substr(4))},
      {"8.1: trailers", post(1) + data(1, "x") + headers(1, field("x-sum", "1"))},
      {"8.1: trailers in two frames",
       post(1) + headers(1, "", kEndStream) + frame(kContinuation, kEndHeaders, 1, field("x-sum", "1"))},
      {"8.2.2: te: trailers", get(1, with(kGet, {{"te", "trailers"}}))},
      {"8.3.1: Host beside the same :authority", get(1, with(kGet, {{"host", "A"}}))},
      {"8.3.1: Host instead of :authority",
       get(1, {{":method", "GET"}, {":scheme", "https"}, {":path", "/x?y"}, {"host", "a:80"}})},
      {"8.3.1: OPTIONS *",
       get(1, {{":method", "OPTIONS"}, {":scheme", "http"}, {":path", "*"}, {":authority", "a"}})},
      {"RFC 7541 C.2: the ways to write a field",
       headers(1, std::string("\x82\x86\x84\x41\x01"
                              "a",
                              6) +
                      std::string("\x40\x01x\x01y", 5) + std::string("\x10\x01z\x01y", 5) + "\xbe")},
      {"RFC 7541 4.2: table size updates at the start", headers(1, "\x20\x3f\xe1\x1f" + kIndexedGet)},
      {"RFC 7541 5.2: Huffman",
       headers(1, kIndexedGet + std::string("\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x9f", 11))},
  };
  for (const auto& [rule, bytes] : cases) {
    for (const size_t step : {SIZE_MAX, size_t{1}}) {
      CAPTURE(rule, step);
      Server server;
      server.feed(kGreeting + bytes, step);
      CHECK_FALSE(server.goaway());
      REQUIRE_FALSE(server.heads.empty());
      for (const auto& [stream, head] : server.heads) CHECK(head.front().second == "200");
      CHECK(server.core.receive(frame(kPing, 0, 0, "12345678"), 1) == 17);
      server.collect();
      CHECK(server.sent.back().type == kPing);
      CHECK(server.sent.back().payload == "12345678");
    }
  }
}

TEST_CASE("a connection begins with the preface and SETTINGS") {
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\rX"),
        kPreface + get(1), kPreface + frame(kSettings, kAck, 0), kPreface + frame(kPing, 0, 0, "12345678")}) {
    for (const size_t step : {SIZE_MAX, size_t{1}}) {
      CAPTURE(bytes, step);
      Server server;
      server.feed(bytes, step);
      CHECK(server.goaway() == H2Code::kProtocolError);
      CHECK(server.sent.front().type == kSettings);  // RFC 9113 3.4: ours come first
    }
  }
}

TEST_CASE("SETTINGS and PING are acknowledged, acknowledgements are not") {
  Server server;
  server.feed(kPreface + frame(kSettings, 0, 0, setting(3, 10)));
  CHECK(server.sent.size() == 3);  // ours, a larger window, the acknowledgement
  CHECK((server.sent[1].type == kSettings && server.sent[1].flags == kAck));
  server.feed(frame(kPing, 0, 0, "\1\2\3\4\5\6\7\x08"));
  CHECK((server.sent.back().type == kPing && server.sent.back().flags == kAck));
  CHECK(server.sent.back().payload == "\1\2\3\4\5\6\7\x08");
  server.feed(frame(kPing, kAck, 0, "12345678") + frame(kSettings, kAck, 0));
  CHECK(server.sent.size() == 4);
}

TEST_CASE("frames that were on their way when we reset a stream are passed over") {
  Server server;
  server.answers_requests = false;
  server.feed(kGreeting + post(1) + data(1, "x"));
  server.requests[0]->reset(H2Code::kCancel);
  server.collect();
  CHECK(server.reset_of(1) == H2Code::kCancel);
  // The trailers change the HPACK table, which the next request refers to.
  server.feed(data(1, "y") + window_update(1, 10) + headers(1, std::string("\x40\x01x\x01y", 5)));
  server.answers_requests = true;
  server.feed(headers(3, kIndexedGet + "\xbe"));
  CHECK_FALSE(server.goaway());
  REQUIRE(server.requests.size() == 2);
  CHECK(server.requests[1]->head.fields.find("x") == "y");
  // Behind the client's own reset nothing can be on its way any more.
  server.feed(reset(1, 8) + data(1, "z"));
  CHECK(server.goaway() == H2Code::kStreamClosed);
}
