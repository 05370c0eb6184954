// What a server's core does with streams, windows and floods.

#include "tests/unit/h2_wire.hh"

using namespace h2wire;
using namespace weir::http;
using weir::aio::Deadline;

namespace {

std::string window_update(uint32_t stream, uint32_t increment) {
  return frame(kWindowUpdate, 0, stream, number(increment, 4));
}

std::string initial_window(uint32_t size) {
  return frame(kSettings, 0, 0, setting(4, size));
}

// Feeds `bytes` until the connection is ended; how many times, at most `most`.
size_t flood(Server& server, const std::string& bytes, size_t most) {
  for (size_t i = 0; i < most; ++i) {
    server.feed(bytes);
    if (server.goaway()) return i + 1;
  }
  return most;
}

}  // namespace

TEST_CASE("a request's head is what an HTTP/1.1 request's would be") {
  Server server;
  server.feed(kGreeting + post(1, {{":method", "PUT"},
                                   {":scheme", "https"},
                                   {":path", "/a?b=c"},
                                   {":authority", "example.com:8443"},
                                   {"cookie", "a=1"},
                                   {"x-test", "y"},
                                   {"cookie", "b=2"},
                                   {"te", "trailers"},
                                   {"content-length", "4"},
                                   {"expect", "100-continue"},
                                   {"cookie", "c=3"}}));
  REQUIRE(server.requests.size() == 1);
  H2ServerStream& stream = *server.requests[0];
  const RequestHead& head = stream.head;
  CHECK(head.method == Method::put);
  CHECK(head.method_text == "PUT");
  CHECK(head.target == "/a?b=c");
  CHECK(head.path == "/a");
  CHECK((head.has_query && head.query == "b=c"));
  CHECK(head.host == "example.com:8443");
  CHECK(stream.scheme == "https");
  CHECK(head.fields.find(FieldId::host) == "example.com:8443");
  CHECK(head.fields.find(FieldId::cookie) == "a=1; b=2; c=3");
  CHECK(head.fields.find("x-test") == "y");
  CHECK(head.framing.kind == BodyKind::length);
  CHECK(head.framing.length == 4);
  CHECK((head.keep_alive && !head.is_http_1_0 && head.expects_continue));
  CHECK_FALSE(stream.is_done());
  server.feed(data(1, "test", kEndStream));
  CHECK(server.contents[1] == "test");
  CHECK(stream.end() == H2End::complete);
  CHECK(stream.bytes_out() > 18);
}

TEST_CASE("how a body is framed follows from the head") {
  Server server;
  server.answers_requests = false;
  server.feed(kGreeting + get(1) + post(3) + post(5, with(kPost, {{"content-length", "0"}})));
  CHECK(server.requests[0]->head.framing.kind == BodyKind::none);
  CHECK(server.requests[0]->is_done());
  CHECK(server.requests[1]->head.framing.kind == BodyKind::chunked);
  CHECK(server.requests[2]->head.framing.kind == BodyKind::none);
}

TEST_CASE("trailers pass in both directions") {
  Server server;
  server.answers_requests = false;
  server.feed(kGreeting + post(1) + data(1, "question") +
              frame(kHeaders, kEndHeaders | kEndStream, 1, field("x-sum", "7")));
  H2ServerStream& stream = *server.requests[0];
  CHECK(stream.next_piece() == "question");
  CHECK(stream.is_done());
  CHECK(stream.trailers().find("x-sum") == "7");
  CHECK(stream.content_bytes() == 8);
  (void)stream.send({.status = 200, .lines = "Content-Type: application/grpc\r\nConnection: close\r\n"},
                    Deadline::never());
  (void)stream.send({.piece = "answer", .last = true, .trailer_lines = "Grpc-Status: 0\r\n"},
                    Deadline::never());
  server.collect();
  CHECK(server.heads[1] == Fields{{":status", "200"}, {"content-type", "application/grpc"}});
  CHECK(server.contents[1] == "answer");
  CHECK(server.last_block == Fields{{"grpc-status", "0"}});
  CHECK(server.sent.back().flags == (kEndHeaders | kEndStream));
  CHECK(stream.end() == H2End::complete);
}

TEST_CASE("interim heads come before the answer's") {
  Server server;
  server.answers_requests = false;
  server.feed(kGreeting + get(1));
  (void)server.requests[0]->send_interim(103, "Link: </x>\r\n", Deadline::never());
  (void)server.requests[0]->send({.status = 204, .last = true}, Deadline::never());
  server.collect();
  CHECK(server.heads[1] == Fields{{":status", "103"}, {"link", "</x>"}});
  CHECK(server.last_block == Fields{{":status", "204"}});
  CHECK(server.count(kData) == 0);
}

TEST_CASE("a small answer is one piece of output") {
  Server server;
  server.answers_requests = false;
  server.feed(kGreeting + get(1) + get(3));
  for (auto& request : server.requests)
    (void)request->send({.status = 200, .piece = "hi", .last = true}, Deadline::never());
  std::string output;
  server.core.take_output(output);
  const auto frames = take_frames(output);
  REQUIRE(frames.size() == 4);
  CHECK((frames[1].type == kData && frames[1].flags == kEndStream && frames[1].payload == "hi"));
  CHECK((frames[3].type == kData && frames[3].flags == kEndStream && frames[3].stream == 3));
}

TEST_CASE("no more is sent than the peer's windows allow") {
  Server server;
  server.feed(kGreeting + initial_window(5) + get(1));
  server.answers_requests = false;
  server.feed(get(3));
  const std::string content(100, 'x');
  (void)server.requests[1]->send({.status = 200, .piece = content, .last = true}, Deadline::never());
  server.collect();
  CHECK(server.contents[3].size() == 5);
  // RFC 9113 6.9.2: a smaller initial window can make the stream's negative.
  server.feed(initial_window(2));
  server.feed(window_update(3, 3));
  CHECK(server.contents[3].size() == 5);
  server.feed(window_update(3, 1));
  CHECK(server.contents[3].size() == 6);
  server.feed(initial_window(12));
  CHECK(server.contents[3].size() == 16);
  server.feed(window_update(3, 1000));
  CHECK(server.contents[3].size() == 100);
  CHECK(server.sent.back().flags == kEndStream);
}

TEST_CASE("the connection's window bounds all streams together") {
  Server server;
  server.answers_requests = false;
  server.feed(kGreeting + initial_window(1 << 20) + get(1) + get(3));
  const std::string content(50'000, 'x');
  (void)server.requests[0]->send({.status = 200, .piece = content, .last = true}, Deadline::never());
  (void)server.requests[1]->send({.status = 200, .piece = content, .last = true}, Deadline::never());
  server.collect();
  CHECK(server.contents[1].size() + server.contents[3].size() == 65535);
  server.feed(window_update(0, 34465));
  CHECK(server.contents[1].size() + server.contents[3].size() == 100'000);
}

TEST_CASE("frames are no larger than the peer takes") {
  Server server;
  server.feed(kGreeting + frame(kSettings, 0, 0, setting(5, 20'000)));
  server.answers_requests = false;
  server.feed(get(1));
  const std::string content(60'000, 'x');
  (void)server.requests[0]->send({.status = 200, .piece = content, .last = true}, Deadline::never());
  server.collect();
  CHECK(server.contents[1] == content);
  for (const Frame& each : server.sent) CHECK(each.payload.size() <= 16384);
}

TEST_CASE("a peer gets its window back only for content that was taken") {
  Server server({.stream_window = 1000, .connection_window = 100'000});
  server.answers_requests = false;
  server.feed(kGreeting + post(1) + data(1, std::string(1000, 'x')));
  CHECK(server.count(kWindowUpdate) == 1);  // the connection's, in the beginning
  H2ServerStream& stream = *server.requests[0];
  CHECK(stream.next_piece()->size() == 1000);
  server.collect();
  CHECK(server.count(kWindowUpdate) == 1);
  stream.release();
  server.collect();
  CHECK(server.count(kWindowUpdate) == 2);
  CHECK(server.sent.back().stream == 1);
  CHECK(read_number(server.sent.back().payload) == 1000);
}

TEST_CASE("a peer that sends beyond a window is cut off") {
  Server server({.stream_window = 1000, .connection_window = 100'000});
  server.answers_requests = false;
  server.feed(kGreeting + post(1) + data(1, std::string(1001, 'x')));
  CHECK((server.reset_of(1) == H2Code::kFlowControlError || server.goaway() == H2Code::kFlowControlError));
  CHECK(server.requests[0]->end() != H2End::open);
}

TEST_CASE("content of a stream that is gone counts no longer against the connection") {
  Server server({.stream_window = 60'000, .connection_window = 100'000});
  server.answers_requests = false;
  server.feed(kGreeting);
  for (uint32_t id = 1; id < 40; id += 2) {
    server.feed(post(id) + data(id, std::string(16384, 'x')) + data(id, std::string(16384, 'x')));
    server.requests.clear();
    server.collect();
    CHECK(server.reset_of(id) == H2Code::kInternalError);
  }
  CHECK_FALSE(server.goaway());
}

TEST_CASE("an answer before the request's end stops the request without an error") {
  Server server;
  server.answers_requests = false;
  server.feed(kGreeting + post(1) + data(1, "x"));
  (void)server.requests[0]->send({.status = 413, .last = true}, Deadline::never());
  server.requests.clear();
  server.collect();
  CHECK(server.status_of(1) == "413");
  CHECK(server.reset_of(1) == H2Code::kNoError);
}

TEST_CASE("a stream says how it ended") {
  Server server;
  server.answers_requests = false;
  server.feed(kGreeting + post(1) + post(3) + post(5));
  server.feed(reset(1, H2Code::kCancel));
  CHECK(server.requests[0]->end() == H2End::reset);
  CHECK(server.requests[0]->reset_code() == H2Code::kCancel);
  CHECK(server.requests[0]->failure().message == "the stream was reset: CANCEL");
  server.requests[1]->reset(H2Code::kInternalError);
  CHECK(server.requests[1]->end() == H2End::reset);
  server.core.lose();
  CHECK(server.requests[2]->end() == H2End::lost);
}

TEST_CASE("a watched task is cancelled when its stream is reset, or the connection is lost") {
  Server server;
  server.answers_requests = false;
  server.feed(kGreeting + post(1) + post(3) + post(5));
  weir::aio::TaskContext tasks[4];
  for (size_t i = 0; i < 3; ++i) server.requests[i]->watch(&tasks[i]);
  server.requests[2]->watch(nullptr);
  server.feed(reset(1, H2Code::kCancel));
  CHECK((tasks[0].cancelled && !tasks[1].cancelled));
  server.core.lose();
  CHECK((tasks[1].cancelled && !tasks[2].cancelled));
  server.requests[0]->watch(&tasks[3]);  // too late is at once
  CHECK(tasks[3].cancelled);
}

TEST_CASE("streams beyond the limit are refused") {
  Server server({.max_concurrent_streams = 3});
  server.answers_requests = false;
  server.feed(kGreeting + post(1) + post(3) + post(5) + post(7));
  CHECK(server.sent.front().payload.ends_with(setting(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 3)));
  CHECK(server.requests.size() == 3);
  CHECK(server.reset_of(7) == H2Code::kRefusedStream);
  CHECK_FALSE(server.goaway());
  server.answers_requests = true;
  server.feed(data(1, "", kEndStream));
  server.feed(get(9));
  CHECK(server.status_of(9) == "200");
}

TEST_CASE("a stream that was reset keeps its place until its work has ended") {
  Server server({.max_concurrent_streams = 3});
  server.answers_requests = false;
  server.feed(kGreeting);
  // Each provokes our own reset (MadeYouReset) or is the client's (rapid reset); the work goes on all the
  // same.
  server.feed(post(1) + frame(kHeaders, kEndHeaders, 1, field("x", "y")));
  server.feed(post(3) + window_update(3, 0x7fffffff));
  server.feed(post(5) + reset(5, H2Code::kCancel));
  CHECK(server.requests.size() == 3);
  server.feed(get(7));
  CHECK(server.reset_of(7) == H2Code::kRefusedStream);
  server.requests[1].reset();
  server.feed(get(9));
  CHECK_FALSE(server.reset_of(9));
  CHECK(server.requests.size() == 4);
}

TEST_CASE("floods end the connection, each after a bounded number of frames") {
  uint32_t next = 1;
  const std::string empty_settings = frame(kSettings, 0, 0);
  struct Flood {
    const char* name;
    std::string first;
    std::string bytes;
    size_t most;
  };
  const std::vector<Flood> floods = {
      {"PING", "", frame(kPing, 0, 0, "12345678"), 1001},
      {"SETTINGS", "", empty_settings, 201},
      {"PRIORITY", "", frame(kPriority, 0, 1, number(0, 5)), 1001},
      {"unknown frames", "", frame(0xf0, 0, 0), 1001},
      {"WINDOW_UPDATE", "", window_update(0, 1), 1001},
      {"empty DATA", post(1), data(1, ""), 1001},
      {"DATA of nothing but padding", post(1), data(1, std::string("\x02\0\0", 3), kPadded), 1001},
      {"CONTINUATION", frame(kHeaders, 0, 1, "\x82"), frame(kContinuation, 0, 1, "\x84"), 9},
      {"empty CONTINUATION", frame(kHeaders, 0, 1, "\x82"), frame(kContinuation, 0, 1), 9},
  };
  for (const Flood& each : floods) {
    CAPTURE(each.name);
    Server server;
    server.answers_requests = false;
    server.feed(kGreeting + each.first);
    CHECK(flood(server, each.bytes, 5000) <= each.most);
    CHECK(server.goaway() == H2Code::kEnhanceYourCalm);
  }
  SECTION("rapid reset") {
    Server server;
    server.feed(kGreeting);
    size_t streams = 0;
    for (; streams < 5000 && !server.goaway(); ++streams, next += 2)
      server.feed(post(next) + reset(next, H2Code::kCancel));
    CHECK(streams <= 128);
  }
  SECTION("resets that we are provoked to send") {
    Server server;
    server.feed(kGreeting);
    size_t streams = 0;
    for (; streams < 5000 && !server.goaway(); ++streams, next += 2)
      server.feed(post(next) + window_update(next, 0x7fffffff));
    CHECK(streams <= 128);
    CHECK(server.goaway() == H2Code::kEnhanceYourCalm);
  }
  SECTION("malformed requests") {
    Server server;
    server.feed(kGreeting);
    size_t streams = 0;
    for (; streams < 5000 && !server.goaway(); ++streams, next += 2) server.feed(get(next, {{":path", "/"}}));
    CHECK(streams <= 101);
    CHECK(server.requests.empty());
  }
}

TEST_CASE("an HPACK bomb is not unpacked") {
  Server server;
  // One field of 4,000 bytes into the table, then referred to 12,000 times: 48 MB of fields.
  std::string raw = "\x82\x86\x84" + field(":authority", "a");
  raw += '\x40' + length(1) + "x" + length(4000) + std::string(4000, 'x');
  raw += std::string(12'000, '\xbe');
  server.feed(kGreeting + frame(kHeaders, kEndHeaders | kEndStream, 1, raw));
  CHECK(server.reset_of(1) == H2Code::kEnhanceYourCalm);
  CHECK(server.requests.empty());
  server.feed(frame(kHeaders, kEndHeaders | kEndStream, 3, "\x82\x86\x84" + field(":authority", "a")));
  CHECK(server.status_of(3) == "200");
}

TEST_CASE("who behaves may go on for ever") {
  Server server;
  server.feed(kGreeting);
  uint32_t next = 1;
  for (int i = 0; i < 5000; ++i, next += 2) {
    server.feed(get(next) + window_update(0, 10) + frame(kPing, 0, 0, "12345678"));
    server.requests.clear();
  }
  CHECK_FALSE(server.goaway());
  for (int i = 0; i < 5000; ++i) {  // slow keep-alive
    server.now_ms += 100;
    server.feed(frame(kPing, 0, 0, "12345678"));
  }
  CHECK_FALSE(server.goaway());
}

TEST_CASE("a drain lets requests that are on their way come in, and ends with the last one") {
  Server server;
  server.answers_requests = false;
  server.feed(kGreeting + get(1));
  server.core.announce_end();
  server.collect();
  CHECK(read_number(server.sent[server.sent.size() - 2].payload.substr(0, 4)) == 0x7fffffff);
  CHECK(server.sent.back().type == kPing);
  server.feed(get(3) + frame(kPing, kAck, 0, std::string(8, '\0')));
  CHECK(server.sent.back().type == kGoaway);
  CHECK(read_number(server.sent.back().payload.substr(0, 4)) == 3);
  server.feed(get(5));
  CHECK(server.requests.size() == 2);
  CHECK_FALSE(server.core.is_finished());
  for (auto& request : server.requests)
    (void)request->send({.status = 200, .piece = "x", .last = true}, Deadline::never());
  server.collect();
  CHECK(server.core.is_finished());
}

TEST_CASE("a head that HPACK cannot send resets its stream only") {
  Server server;
  server.answers_requests = false;
  server.feed(kGreeting + get(1) + get(3));
  const std::string lines = "X-Large: " + std::string(70'000, 'x') + "\r\n";
  (void)server.requests[0]->send({.status = 200, .lines = lines, .last = true}, Deadline::never());
  server.collect();
  CHECK(server.reset_of(1) == H2Code::kInternalError);
  CHECK(server.requests[0]->end() == H2End::reset);
  (void)server.requests[1]->send({.status = 200, .last = true}, Deadline::never());
  server.collect();
  CHECK(server.status_of(3) == "200");
}
