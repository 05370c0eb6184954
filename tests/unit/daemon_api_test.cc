#include "pkg/daemon/api.hh"

#include <catch2/catch.hpp>

using namespace weir::daemon;
using weir::http::Method;

namespace {

ApiHandler saying(std::string word) {
  return [word = std::move(word)](ApiRequest& request) {
    ApiResponse response{.json = word};
    for (const auto& [name, value] : request.parameters) response.json += " " + name + "=" + value;
    return response;
  };
}

Api example() {
  Api api;
  api.add({Method::get, "/pools/{pool}", "One.", saying("pool")});
  api.add({Method::get, "/pools/all", "All.", saying("all")});
  api.add({Method::put, "/pools/{pool}/servers/{server}", "Sets.", saying("set")});
  api.add({Method::delete_, "/pools/{pool}/servers/{server}", "Removes.", saying("removed")});
  return api;
}

}  // namespace

TEST_CASE("a route takes its segments, decoded") {
  const Api api = example();
  CHECK(api.answer(Method::get, "/pools/blue", "").json == "pool pool=blue");
  CHECK(api.answer(Method::head, "/pools/blue/", "").json == "pool pool=blue");
  CHECK(api.answer(Method::put, "/pools/a%20b/servers/%5B::1%5D:80", "").json ==
        "set pool=a b server=[::1]:80");
}

TEST_CASE("a literal segment goes before one in braces") {
  CHECK(example().answer(Method::get, "/pools/all", "").json == "all");
}

TEST_CASE("an unknown path is 404 and an unknown method 405 with what is allowed") {
  const Api api = example();
  CHECK(api.answer(Method::get, "/nothing", "").status == 404);
  CHECK(api.answer(Method::get, "/pools", "").status == 404);
  CHECK(api.answer(Method::post, "/pools/x/servers/y", "").status == 405);
  CHECK(api.allowed("/pools/x/servers/y") == "PUT, DELETE");
  CHECK(api.allowed("/pools/x") == "GET, HEAD");
  CHECK(api.allowed("/nothing").empty());
  CHECK(api.answer(Method::post, "", "").status == 405);
}

TEST_CASE("a body that is not JSON is 400 before the handler is asked") {
  const ApiResponse response = example().answer(Method::put, "/pools/x/servers/y", "{");
  CHECK(response.status == 400);
  CHECK(response.is_problem);
}

TEST_CASE("the index lists all routes") {
  const std::string index = example().answer(Method::get, "/", "").json;
  CHECK(
      index.find(R"({"method":"DELETE","path":"/api/pools/{pool}/servers/{server}","summary":"Removes."})") !=
      std::string::npos);
}
