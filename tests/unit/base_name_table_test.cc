#include "pkg/base/name_table.hh"

#include <catch2/catch.hpp>

#include "pkg/base/random.hh"

using namespace weir;

TEST_CASE("a table of names does what a map does, walked now and then") {
  const uint64_t seed = Random().next();
  INFO("seed " << seed);
  Random random(seed);
  NameTable<int> table;
  std::map<std::string, int, std::less<>> model;
  for (int i = 0; i < 20'000; ++i) {
    const std::string name = "a name that is not short " + std::to_string(random.below(200));
    switch (random.below(8)) {
      case 0:
        CHECK(table.ordered() == model);
        break;
      case 1:
      case 2:
      case 3:
        table.erase(name);
        model.erase(name);
        break;
      default:
        table[name] = i;
        model[name] = i;
    }
    REQUIRE(table.size() == model.size());
    const auto expected = model.find(name);
    const int* const found = table.find(name);
    REQUIRE((found != nullptr) == (expected != model.end()));
    if (found != nullptr) REQUIRE(*found == expected->second);
  }
  table.clear();
  CHECK(table.size() == 0);
  CHECK(table.ordered().empty());
}

TEST_CASE("a value stays where it is while others come and are put in order") {
  NameTable<int> table;
  int* const place = &table["m"];
  for (int i = 0; i < 1000; ++i) table[std::to_string(i)] = i;
  CHECK(table.ordered().size() == 1001);
  CHECK(table.find("m") == place);
}
