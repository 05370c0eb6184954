#include "pkg/http/event_stream.hh"

#include <catch2/catch.hpp>
#include <vector>

using namespace weir::http;

namespace {

std::vector<StreamEvent> parse(std::string_view text, size_t step) {
  EventStreamParser parser;
  std::vector<StreamEvent> events;
  for (size_t at = 0; at < text.size(); at += step) {
    REQUIRE(parser.feed(text.substr(at, step)));
    while (auto event = parser.next()) events.push_back(*event);
  }
  return events;
}

}  // namespace

TEST_CASE("events are read however their bytes are split and their lines end") {
  const std::string_view text =
      "\xef\xbb\xbf: a comment\r\n"
      "event: granted\r\ndata: {\"a\":1}\r\nid: 7\r\n\r\n"
      "data:one\ndata: two\ndata:  three\n\n"
      "data\r\r"
      "event: nothing\n\n"
      "retry: 10\nunknown: x\ndata: last\nid\n\n"
      "data: unfinished\n";
  const std::vector<StreamEvent> expected = {
      {"granted", "{\"a\":1}", "7"}, {"", "one\ntwo\n three", "7"}, {"", "", "7"}, {"", "last", ""}};
  for (const size_t step : {size_t{1}, size_t{2}, size_t{7}, text.size()})
    CHECK(parse(text, step) == expected);
}

TEST_CASE("an event that is too long is refused, and nothing follows") {
  EventStreamParser parser;
  REQUIRE(parser.feed("data: x\n\ndata: "));
  CHECK_FALSE(parser.feed(std::string(EventStreamParser::kMostEventBytes + 1, 'x')));
  CHECK_FALSE(parser.feed("\n\ndata: y\n\n"));
  CHECK(parser.next() == StreamEvent{"", "x", ""});
  CHECK_FALSE(parser.next());
}

TEST_CASE("many lines make an event too long, as one does") {
  EventStreamParser parser;
  const std::string line = "data: " + std::string(1000, 'x') + "\n";
  bool is_fine = true;
  size_t lines = 0;
  for (; is_fine && lines < 2000; ++lines) is_fine = parser.feed(line);
  CHECK_FALSE(is_fine);
  CHECK(lines > 1000);
}
