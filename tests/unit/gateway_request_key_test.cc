#include "pkg/gateway/request_key.hh"

#include <catch2/catch.hpp>

#include "tests/unit/gateway_fields.hh"

using namespace weir;
using namespace weir::gateway;

namespace {

const IpAddress kFirst = *IpAddress::parse("192.0.2.1");
const IpAddress kSecond = *IpAddress::parse("192.0.2.2");

}  // namespace

TEST_CASE("a key is the address, the path, a header field or a cookie") {
  for (const std::string_view good : {"ip", "path", "header:X-Tenant", "cookie:id"})
    CHECK(RequestKey::is_valid(good));
  for (const std::string_view bad :
       {"", "IP", "host", "header:", "cookie:", "header:a b", "cookie:a=b", "path:x"})
    CHECK_FALSE(RequestKey::is_valid(bad));
}

TEST_CASE("by address only the address counts") {
  const RequestKey key("ip", "secret");
  CHECK(key.hash(kFirst, "/a", fields({{"Cookie", "id=1"}})) == key.hash(kFirst));
  CHECK(key.hash(kFirst) != key.hash(kSecond));
}

TEST_CASE("by path only the path counts") {
  const RequestKey key("path", "secret");
  CHECK(key.hash(kFirst, "/a", fields()) == key.hash(kSecond, "/a", fields()));
  CHECK(key.hash(kFirst, "/a", fields()) != key.hash(kFirst, "/b", fields()));
}

TEST_CASE("by header field or cookie its value counts, and the same one places alike") {
  const RequestKey header("header:X-Tenant", "secret");
  const RequestKey cookie("cookie:id", "secret");
  const auto tenant = header.hash(kFirst, "/", fields({{"X-Tenant", "blue"}}));
  CHECK(tenant == header.hash(kSecond, "/b", fields({{"x-tenant", "blue"}})));
  CHECK(tenant != header.hash(kFirst, "/", fields({{"X-Tenant", "green"}})));
  CHECK(tenant == cookie.hash(kFirst, "/", fields({{"Cookie", "a=1; id=blue"}})));
}

TEST_CASE("a request that lacks what it goes by goes by its address") {
  for (const std::string_view spec : {"header:X-Tenant", "cookie:id"}) {
    const RequestKey key(spec, "secret");
    CHECK(key.hash(kFirst, "/", fields({{"Cookie", "other=1"}})) == key.hash(kFirst));
  }
}

TEST_CASE("who does not know the secret cannot tell which keys fall together") {
  CHECK(RequestKey("ip", "one").hash(kFirst) != RequestKey("ip", "two").hash(kFirst));
  CHECK(RequestKey("ip", "one").hash(kFirst) == RequestKey("ip", "one").hash(kFirst));
}
