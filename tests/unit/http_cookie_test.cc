#include <catch2/catch.hpp>

#include "pkg/http/cookie.hh"

using namespace weir::http;

namespace {

FieldList fields_of(std::initializer_list<std::string_view> values) {
  FieldList fields;
  for (const auto value : values) fields.add({"Cookie", value, FieldId::cookie});
  return fields;
}

}  // namespace

TEST_CASE("a cookie is found by its whole name") {
  CHECK(find_cookie(fields_of({"a=1; b=2"}), "b") == "2");
  CHECK(find_cookie(fields_of({"a=1;b=2"}), "b") == "2");
  CHECK(find_cookie(fields_of({"a=1", "b=x=y"}), "b") == "x=y");
  CHECK(find_cookie(fields_of({"bb=1; b=2; b=3"}), "b") == "2");
  CHECK(find_cookie(fields_of({"b="}), "b") == "");
  CHECK_FALSE(find_cookie(fields_of({"bb=1; b; a=b=1"}), "b"));
  CHECK_FALSE(find_cookie(fields_of({}), "b"));
}

TEST_CASE("cookies of a name are changed or taken out, and no others") {
  const auto drop = [](std::string_view) { return std::optional<std::string_view>(); };
  CHECK(change_cookies("a=1; b=2; c=3", "b", drop) == "a=1; c=3");
  CHECK(change_cookies("b=2", "b", drop).empty());
  CHECK(change_cookies("a=1;  bb=2;b=3; b=4", "b", drop) == "a=1; bb=2");
  const auto tail = [](std::string_view value) { return std::optional(value.substr(1)); };
  CHECK(change_cookies("a=1; b=xyz", "b", tail) == "a=1; b=yz");
}
