#include <array>
#include <catch2/catch.hpp>

#include "pkg/base/text.hh"
#include "pkg/base/words.hh"

namespace words = weir::words;

namespace {

// Each character at each place, among letters.
template <typename Check>
void for_each_word(Check check) {
  for (size_t place = 0; place < words::kSize; ++place) {
    for (int c = 0; c < 256; ++c) {
      std::array<char, words::kSize> text;
      text.fill('x');
      text[place] = static_cast<char>(c);
      check(text, place);
    }
  }
}

}  // namespace

TEST_CASE("a word tells whether a character is below a limit, and where the first one is") {
  for_each_word([](const auto& text, size_t place) {
    const auto c = static_cast<uint8_t>(text[place]);
    const uint64_t hits = words::below(words::load(text.data()), 0x20);
    if (c < 0x20) {
      REQUIRE(static_cast<size_t>(std::countr_zero(hits)) / 8 == place);
    } else {
      REQUIRE(hits == 0);
    }
  });
}

TEST_CASE("a word tells whether it has a character") {
  for_each_word([](const auto& text, size_t place) {
    REQUIRE((words::equal(words::load(text.data()), 0x7f) != 0) == (text[place] == 0x7f));
  });
}

TEST_CASE("a word becomes lower-case as its characters do") {
  for_each_word([](const auto& text, size_t place) {
    auto lower = text;
    lower[place] = weir::ascii_lower(text[place]);
    REQUIRE(words::ascii_lower(words::load(text.data())) == words::load(lower.data()));
  });
}
