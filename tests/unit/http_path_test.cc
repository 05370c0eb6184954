#include "pkg/http/path.hh"

#include <catch2/catch.hpp>

#include "pkg/base/random.hh"

using weir::http::normalise_path;

TEST_CASE("paths have one form") {
  const auto [path, normal] = GENERATE(table<std::string, std::string>({{"/", "/"},
                                                                        {"/a/b", "/a/b"},
                                                                        {"/a/", "/a/"},
                                                                        {"/a/./b", "/a/b"},
                                                                        {"/a/../b", "/b"},
                                                                        {"/a/..", "/"},
                                                                        {"/a/b/..", "/a/"},
                                                                        {"/a/.", "/a/"},
                                                                        {"//a///b", "/a/b"},
                                                                        {"/a//", "/a/"},
                                                                        {"/%61%2Db", "/a-b"},
                                                                        {"/%7euser", "/~user"},
                                                                        {"/%c3%a9", "/%C3%A9"},
                                                                        {"/%c0", "/%C0"},
                                                                        {"/%e0%a0%80", "/%E0%A0%80"},
                                                                        {"/%252e%252E", "/%252e%252E"},
                                                                        {"/...;x", "/...;x"},
                                                                        {"/a..;x", "/a..;x"},
                                                                        {"/a|b^\"", "/a|b^\""},
                                                                        {"/a%20b", "/a%20b"},
                                                                        {"/%2e%2E/x", ""},
                                                                        {"/a/%2e%2e/x", "/x"},
                                                                        {"/...", "/..."},
                                                                        {"/..a", "/..a"},
                                                                        {"/.well-known", "/.well-known"},
                                                                        {"/a;x/..", "/"}}));
  std::string storage;
  INFO(path);
  CHECK(normalise_path(path, storage).value_or("") == normal);
}

TEST_CASE("paths that servers understand differently are refused") {
  const std::string path =
      GENERATE("", "a", "*", "/..", "/a/../..", "/%", "/%4", "/%zz", "/%2f", "/%2F", "/a%5cb", "/a\\b",
               "/%00", "/%0a", "/%7f", "/..;/a", "/a/.;x", "/a/..;x/b", "/%2e%2e;x", "/..%3bx", "/a/%2e%3B/b",
               "/%c0%ae%C0%ae/", "/a%c1%9c", "/%e0%80%af", "/%f0%80%80%af", "/a b", "/a\x01", "/a\x7f",
               "/a?b", "/a#b", "/\xc3\xa9", "/%41\xe9");
  std::string storage;
  INFO(path);
  CHECK_FALSE(normalise_path(path, storage));
}

TEST_CASE("a normal path is returned as it is, without a copy") {
  const std::string path = "/static/app.js";
  std::string storage;
  CHECK(normalise_path(path, storage)->data() == path.data());
}

TEST_CASE("normalising twice changes nothing") {
  const uint64_t seed = weir::Random().next();
  INFO("seed " << seed);
  weir::Random random(seed);
  const std::string_view alphabet = "/./..%2e%41;ab~";
  for (int i = 0; i < 20000; ++i) {
    std::string path = "/";
    for (uint64_t n = random.below(12); n > 0; --n) path += alphabet[random.below(alphabet.size())];
    std::string first_storage, second_storage;
    const auto first = normalise_path(path, first_storage);
    if (!first) continue;
    INFO(path);
    const auto second = normalise_path(*first, second_storage);
    REQUIRE(second);
    REQUIRE(*second == *first);
    REQUIRE(first->find("//") == std::string_view::npos);
    REQUIRE(first->find("/../") == std::string_view::npos);
  }
}
