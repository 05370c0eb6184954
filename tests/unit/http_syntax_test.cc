#include <catch2/catch.hpp>
#include <string>

#include "pkg/http/syntax.hh"

using namespace weir::http;

namespace {

// Texts of many lengths that are right but for one character, at each place.
template <typename Check>
void for_each_text(Check check) {
  for (size_t size = 1; size < 20; ++size) {
    for (size_t place = 0; place < size; ++place) {
      for (int c = 0; c < 256; ++c) {
        std::string text(size, 'x');
        text[place] = static_cast<char>(c);
        check(text, c);
      }
    }
  }
}

}  // namespace

TEST_CASE("a field's value has no control character anywhere but tabs") {
  for_each_text([](const std::string& text, int c) {
    REQUIRE(is_field_value(text) == ((c >= 0x20 && c != 0x7f) || c == '\t'));
  });
  CHECK(is_field_value(""));
  CHECK_FALSE(is_field_value("\tafter a tab, a line:\n"));
}

TEST_CASE("a target has no space, control, fragment, backslash or byte beyond ASCII anywhere") {
  for_each_text([](const std::string& text, int c) {
    REQUIRE(is_target(text) == (c > 0x20 && c < 0x7f && c != '#' && c != '\\'));
  });
  CHECK_FALSE(is_target(""));
}
