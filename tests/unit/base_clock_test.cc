#include <catch2/catch.hpp>
#include <ctime>

#include "pkg/base/clock.hh"
#include "pkg/base/random.hh"

using namespace weir;
using namespace std::chrono;
using namespace std::chrono_literals;

namespace {

std::string rfc3339(WallTime time) {
  std::string out;
  append_rfc3339(out, time);
  return out;
}

}  // namespace

TEST_CASE("instants are written as RFC 3339 in UTC with milliseconds") {
  struct Row {
    WallTime time;
    std::string text;
  };
  const auto row = GENERATE(values<Row>({
      {WallTime(0s), "1970-01-01T00:00:00.000Z"},
      {WallTime(1ms), "1970-01-01T00:00:00.001Z"},
      {WallTime(999999ns), "1970-01-01T00:00:00.000Z"},
      {WallTime(-1ns), "1969-12-31T23:59:59.999Z"},  // rounded down, before 1970 too
      {WallTime(-1ms), "1969-12-31T23:59:59.999Z"},
      {WallTime(-1s), "1969-12-31T23:59:59.000Z"},
      {WallTime(-86401s), "1969-12-30T23:59:59.000Z"},
      {WallTime(68169599s), "1972-02-28T23:59:59.000Z"},
      {WallTime(68169600s), "1972-02-29T00:00:00.000Z"},
      {WallTime(951782400s), "2000-02-29T00:00:00.000Z"},   // every 400th year leaps
      {WallTime(4107542400s), "2100-03-01T00:00:00.000Z"},  // other hundreds don't
      {WallTime(4107542399s), "2100-02-28T23:59:59.000Z"},
      {WallTime(-2203891200s), "1900-03-01T00:00:00.000Z"},
      {WallTime(1735689599s + 999ms), "2024-12-31T23:59:59.999Z"},
      {WallTime(2147483648s), "2038-01-19T03:14:08.000Z"},
      {WallTime(1795485075s + 42ms), "2026-11-24T01:51:15.042Z"},
  }));
  CHECK(rfc3339(row.time) == row.text);
}

TEST_CASE("the text is appended") {
  std::string out = "at ";
  append_rfc3339(out, WallTime(0s));
  CHECK(out == "at 1970-01-01T00:00:00.000Z");
}

TEST_CASE("dates agree with gmtime, and sort as their instants do") {
  const uint64_t seed = Random().next();
  INFO("seed = " << seed);
  Random random(seed);
  WallTime last(-8'000'000'000s);
  std::string last_text = rfc3339(last);
  for (int i = 0; i < 2000; ++i) {
    last += milliseconds(random.below(16'000'000'000));
    const std::string text = rfc3339(last);
    const std::time_t seconds = floor<std::chrono::seconds>(last.time_since_epoch()).count();
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char expected[32];
    (void)strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S", &parts);
    REQUIRE(text.substr(0, 19) == expected);
    REQUIRE(text >= last_text);
    last_text = text;
  }
}
