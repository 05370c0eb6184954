#include "pkg/daemon/json_body.hh"

#include <catch2/catch.hpp>

using namespace weir::daemon;

namespace {

JsonBody body_of(std::string_view text) {
  auto body = JsonBody::parse(text);
  REQUIRE(body);
  return std::move(*body);
}

std::string problem_of(JsonBody& body) {
  REQUIRE(body.problems().size() == 1);
  return body.problems().front().pointer + " " + body.problems().front().detail;
}

}  // namespace

TEST_CASE("members are read as what they are") {
  JsonBody body = body_of(
      R"({"name":"a","weight":5,"share":0.25,"on":true,"tags":["x","y"],"inner":{"n":1},"list":[{"n":2},{"n":3}]})");
  CHECK(body.string("name") == "a");
  CHECK(body.integer("weight", 0, 10) == 5);
  CHECK(body.number("share", 0, 1) == 0.25);
  CHECK(body.boolean("on") == true);
  CHECK(body.strings("tags") == std::vector<std::string>{"x", "y"});
  auto inner = body.object("inner");
  REQUIRE(inner);
  CHECK(inner->integer("n", 0, 9) == 1);
  auto list = body.objects("list");
  REQUIRE(list.size() == 2);
  CHECK(list[0].integer("n", 0, 9) == 2);
  CHECK(list[1].integer("n", 0, 9) == 3);
  CHECK(body.is_fine());
}

TEST_CASE("an absent member reads as nothing and is no problem") {
  JsonBody body = body_of("");
  CHECK_FALSE(body.string("name"));
  CHECK_FALSE(body.integer("weight", 0, 10));
  CHECK_FALSE(body.object("inner"));
  CHECK(body.objects("list").empty());
  CHECK(body.is_fine());
}

TEST_CASE("a member that is something else is told with its place") {
  const auto [text, expected] = GENERATE(table<std::string, std::string>({
      {R"({"n":11})", "#/n must be a whole number from 0 to 10"},
      {R"({"n":-1})", "#/n must be a whole number from 0 to 10"},
      {R"({"n":1.5})", "#/n must be a whole number from 0 to 10"},
      {R"({"n":"1"})", "#/n must be a whole number from 0 to 10"},
      {R"({"s":1})", "#/s must be a string"},
      {R"({"c":"z"})", "#/c must be one of x, y"},
      {R"({"b":0})", "#/b must be true or false"},
      {R"({"d":2})", "#/d must be a number from 0 to 1"},
      {R"({"l":["a",1]})", "#/l must be a list of strings"},
      {R"({"o":[]})", "#/o must be an object"},
      {R"({"os":[1]})", "#/os must be a list of objects"},
  }));
  JsonBody body = body_of(text);
  body.integer("n", 0, 10);
  body.string("s");
  body.choice("c", {"x", "y"});
  body.boolean("b");
  body.number("d", 0, 1);
  body.strings("l");
  body.object("o");
  body.objects("os");
  CHECK(problem_of(body) == expected);
}

TEST_CASE("a member nobody asked for is a problem, with what was probably meant") {
  JsonBody body = body_of(R"({"wieght":1})");
  body.integer("weight", 0, 10);
  CHECK(problem_of(body) == "#/wieght there is no such member; did you mean \"weight\"?");
}

TEST_CASE("problems inside objects bear their whole path, escaped") {
  JsonBody body = body_of(R"({"a/b":{"list":[{"n":1},{"x~":2}]}})");
  auto inner = body.object("a/b");
  for (JsonBody& item : inner->objects("list")) item.integer("n", 0, 10);
  CHECK(problem_of(body) == "#/a~1b/list/1/x~0 there is no such member");
}

TEST_CASE("all problems are told at once") {
  JsonBody body = body_of(R"({"a":1,"b":2})");
  body.string("a");
  body.require("c");
  body.fail("b", "is not known");
  body.integer("b", 0, 5);
  CHECK(body.problems().size() == 3);
  const ApiResponse refusal = body.refusal();
  CHECK(refusal.status == 400);
  CHECK(refusal.is_problem);
  CHECK(refusal.json.find(R"({"detail":"is missing","pointer":"#/c"})") != std::string::npos);
}

TEST_CASE("what is not one JSON object is refused with its place") {
  const auto [text, expected] = GENERATE(table<std::string, std::string>({
      {"{\"a\":1,\n  x}", "the body is not JSON: line 2, column 3"},
      {"{} {}", "the body is not JSON: line 1, column 4"},
      {"[1]", "the body must be a JSON object"},
      {R"({"a":1,"a":2})", "the body: \"a\" is there twice"},
      {R"({"b":{"a":1,"a":2}})", "the body: \"a\" is there twice"},
      {std::string("{\"a\":") + std::string(20, '[') + std::string(20, ']') + "}",
       "the body: it is nested too deep"},
      {R"({"a":1e999})", "the body has a number that is too large"},
      {"{\"a\":\"\xff\"}", "the body is not JSON: line 1, column 7"},
  }));
  const auto body = JsonBody::parse(text);
  REQUIRE_FALSE(body);
  CHECK(body.error().message == expected);
}

TEST_CASE("the same member may be in two objects side by side") {
  JsonBody body = body_of(R"({"list":[{"n":1},{"n":2}],"n":3})");
  CHECK(body.has("n"));
  CHECK(body.names() == std::vector<std::string>{"list", "n"});
}
