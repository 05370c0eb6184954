#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "pkg/base/json.hh"

using namespace weir;

namespace {

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

const std::string kReplacement = "\xef\xbf\xbd";

}  // namespace

TEST_CASE("strings are escaped where JSON asks for it, and nowhere else") {
  struct Row {
    std::string text;
    std::string json;
  };
  const auto row = GENERATE(values<Row>({
      {"", R"("")"},
      {"a/b c", R"("a/b c")"},
      {"a\"b\\c", R"("a\"b\\c")"},
      {"\n\r\t", R"("\n\r\t")"},
      {std::string("\0\x01\x1f\x7f", 4), R"("\u0000\u0001\u001f\u007f")"},
      {"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""},
  }));
  CHECK(json_string(row.text) == row.json);
}

TEST_CASE("the bounds of UTF-8 are those of RFC 3629") {
  const std::string valid =
      GENERATE(values<std::string>({"\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                                    "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}));
  CHECK(json_string("a" + valid + "b") == "\"a" + valid + "b\"");
}

TEST_CASE("each byte that is not UTF-8 becomes a replacement character") {
  struct Row {
    std::string bytes;
    int replaced;
  };
  const auto row = GENERATE(values<Row>({{"\x80", 1},
                                         {"\xbf", 1},
                                         {"\xc0\x80", 2},          // overlong
                                         {"\xc1\xbf", 2},          // overlong
                                         {"\xe0\x9f\xbf", 3},      // overlong
                                         {"\xf0\x8f\xbf\xbf", 4},  // overlong
                                         {"\xed\xa0\x80", 3},      // surrogate
                                         {"\xf4\x90\x80\x80", 4},  // beyond U+10FFFF
                                         {"\xf5\x80\x80\x80", 4},
                                         {"\xff\xfe", 2},
                                         {"\xc3", 1},  // cut short
                                         {"\xe2\x82", 2},
                                         {"\xf0\x9f\x98", 3}}));
  std::string expected;
  for (int i = 0; i < row.replaced; ++i) expected += kReplacement;
  CHECK(json_string(row.bytes) == "\"" + expected + "\"");
  CHECK(json_string("a" + row.bytes + "b") == "\"a" + expected + "b\"");
}

TEST_CASE("commas stand between members, and only there") {
  std::string out;
  JsonWriter(out)
      .begin_object()
      .key("a")
      .number(uint64_t{1})
      .key("b")
      .begin_array()
      .string("x")
      .begin_object()
      .end_object()
      .begin_array()
      .end_array()
      .null()
      .end_array()
      .key("c\"")
      .begin_object()
      .key("d")
      .boolean(true)
      .end_object()
      .key("e")
      .boolean(false)
      .end_object();
  CHECK(out == R"({"a":1,"b":["x",{},[],null],"c\"":{"d":true},"e":false})");
}

TEST_CASE("writing appends to what is there") {
  std::string out = "before ";
  JsonWriter(out).begin_array().end_array();
  CHECK(out == "before []");
}

TEST_CASE("whole numbers are written in full") {
  std::string out;
  JsonWriter(out)
      .begin_array()
      .number(std::numeric_limits<uint64_t>::max())
      .number(std::numeric_limits<int64_t>::max())
      .number(std::numeric_limits<int64_t>::min())
      .number(int64_t{-1})
      .number(int64_t{0})
      .end_array();
  CHECK(out == "[18446744073709551615,9223372036854775807,-9223372036854775808,-1,0]");
}

TEST_CASE("fractions have as many decimals as asked for, and are always valid JSON") {
  struct Row {
    double value;
    int decimals;
    std::string json;
  };
  const auto row = GENERATE(values<Row>({{0.25, 3, "0.250"},
                                         {1.5, 0, "2"},
                                         {-1.25, 1, "-1.2"},
                                         {1e20, 1, "100000000000000000000.0"},
                                         {std::nan(""), 3, "null"},
                                         {std::numeric_limits<double>::infinity(), 3, "null"},
                                         {-std::numeric_limits<double>::infinity(), 3, "null"}}));
  std::string out;
  JsonWriter(out).number(row.value, row.decimals);
  CHECK(out == row.json);
}

TEST_CASE("the largest double fits") {
  std::string out;
  JsonWriter(out).begin_array().number(std::numeric_limits<double>::lowest(), 9).null().end_array();
  CHECK(out.size() == 1 + 1 + 309 + 10 + 5 + 1);
}

TEST_CASE("what is not finite counts as a member too") {
  std::string out;
  JsonWriter(out).begin_array().number(std::nan(""), 1).number(uint64_t{1}).end_array();
  CHECK(out == "[null,1]");
}
