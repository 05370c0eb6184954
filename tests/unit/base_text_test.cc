#include <array>
#include <catch2/catch.hpp>
#include <limits>

#include "pkg/base/random.hh"
#include "pkg/base/text.hh"

using namespace weir;

TEST_CASE("letters and digits are those of ASCII only") {
  for (int c = 0; c < 256; ++c) {
    const char byte = static_cast<char>(c);
    const bool upper = c >= 'A' && c <= 'Z';
    const bool lower = c >= 'a' && c <= 'z';
    REQUIRE(is_alpha(byte) == (upper || lower));
    REQUIRE(is_digit(byte) == (c >= '0' && c <= '9'));
    REQUIRE(ascii_lower(byte) == static_cast<char>(upper ? c + 32 : c));
  }
}

TEST_CASE("words are equal but for ASCII case") {
  CHECK(iequals("", ""));
  CHECK(iequals("Content-LENGTH", "content-length"));
  CHECK_FALSE(iequals("a", "ab"));
  CHECK_FALSE(iequals("\xc3\xa4", "\xc3\x84"));  // a and A with dots
  CHECK_FALSE(iequals("[", "{"));                // 32 apart, as letters of two cases are
  CHECK(to_lower("AbC-\xc3\x84") == "abc-\xc3\x84");
}

TEST_CASE("trim takes spaces and tabs from both ends, nothing else") {
  struct Row {
    std::string text;
    std::string trimmed;
  };
  const auto row = GENERATE(values<Row>({{"", ""},
                                         {" \t ", ""},
                                         {"a", "a"},
                                         {" \ta b\t ", "a b"},
                                         {"\na\r", "\na\r"},
                                         {std::string(" \0 ", 3), std::string("\0", 1)}}));
  CHECK(trim(row.text) == row.trimmed);
}

TEST_CASE("split keeps empty parts, and join is its inverse") {
  struct Row {
    std::string text;
    std::vector<std::string> parts;
  };
  const auto row = GENERATE(values<Row>(
      {{"", {""}}, {",", {"", ""}}, {"a", {"a"}}, {"a,b", {"a", "b"}}, {",a,,b,", {"", "a", "", "b", ""}}}));
  const auto parts = split(row.text, ',');
  CHECK(std::vector<std::string>(parts.begin(), parts.end()) == row.parts);
  CHECK(join(row.parts, ",") == row.text);
}

TEST_CASE("join of nothing is nothing") {
  CHECK(join({}, ", ").empty());
}

TEST_CASE("whole numbers are digits and nothing else") {
  struct Row {
    std::string text;
    std::optional<uint64_t> decimal;
    std::optional<uint64_t> hex;
  };
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  const auto row = GENERATE(values<Row>({{"", {}, {}},
                                         {"0", 0, 0},
                                         {"007", 7, 7},
                                         {"10", 10, 16},
                                         {"18446744073709551615", kMost, {}},
                                         {"18446744073709551616", {}, {}},
                                         {"ffffffffffffffff", {}, kMost},
                                         {"0000FFFFffffffffffff", {}, kMost},
                                         {"10000000000000000", 10'000'000'000'000'000, {}},
                                         {"-1", {}, {}},
                                         {"+1", {}, {}},
                                         {" 1", {}, {}},
                                         {"1 ", {}, {}},
                                         {"0x1", {}, {}},
                                         {"1.", {}, {}},
                                         {"1_0", {}, {}},
                                         {std::string("1\0", 2), {}, {}}}));
  INFO(row.text);
  CHECK(parse_uint(row.text) == row.decimal);
  CHECK(parse_hex(row.text) == row.hex);
}

TEST_CASE("numbers are appended in decimal, bytes in hexadecimal") {
  std::string out = "x";
  append_uint(out, 0);
  append_uint(out, std::numeric_limits<uint64_t>::max());
  CHECK(out == "x018446744073709551615");
  append_hex(out, std::array<uint8_t, 4>{0x00, 0x0f, 0xa0, 0xff});
  CHECK(out.ends_with("000fa0ff"));
}

TEST_CASE("the edit distance counts insertions, deletions, replacements and swaps of neighbours") {
  struct Row {
    std::string a;
    std::string b;
    size_t distance;
  };
  const auto row = GENERATE(values<Row>({{"", "", 0},
                                         {"", "abc", 3},
                                         {"abc", "abc", 0},
                                         {"lisen", "listen", 1},
                                         {"lissten", "listen", 1},
                                         {"lixten", "listen", 1},
                                         {"litsen", "listen", 1},
                                         {"kitten", "sitting", 3},
                                         {"ca", "abc", 3}}));  // optimal string alignment: no 2
  INFO(row.a << " " << row.b);
  CHECK(edit_distance(row.a, row.b) == row.distance);
  CHECK(edit_distance(row.b, row.a) == row.distance);
}

TEST_CASE("a few edits never make a distance of more than as many") {
  const uint64_t seed = Random().next();
  INFO("seed = " << seed);
  Random random(seed);
  const auto letter = [&] { return static_cast<char>('a' + random.below(3)); };
  for (int round = 0; round < 500; ++round) {
    std::string word(1 + random.below(8), 'a');
    for (char& c : word) c = letter();
    std::string edited = word;
    const size_t edits = random.below(4);
    for (size_t i = 0; i < edits; ++i) {
      const size_t place = random.below(edited.size() + 1);
      if (random.below(2) == 0) edited.insert(place, 1, letter());
      if (place < edited.size()) edited[place] = letter();
    }
    INFO(word << " " << edited);
    REQUIRE(edit_distance(word, edited) <= 2 * edits);
    REQUIRE((edit_distance(word, edited) == 0) == (word == edited));
  }
}

TEST_CASE("the nearest candidate is what a person meant, unless none is near") {
  constexpr std::array<std::string_view, 4> kKeys{"listen", "workers", "max_connections", "log"};
  CHECK(did_you_mean("lisen", kKeys) == "listen");
  CHECK(did_you_mean("Listen", kKeys) == "listen");
  CHECK(did_you_mean("max_conections", kKeys) == "max_connections");
  CHECK(did_you_mean("worker", kKeys) == "workers");
  CHECK(did_you_mean("lag", kKeys) == "log");
  CHECK(did_you_mean("upstream", kKeys) == std::nullopt);
  CHECK(did_you_mean("", kKeys) == std::nullopt);
  CHECK(did_you_mean("listen", {}) == std::nullopt);
  CHECK(did_you_mean(std::string(65, 'l'), kKeys) == std::nullopt);
}
