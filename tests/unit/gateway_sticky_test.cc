#include "pkg/gateway/sticky.hh"

#include <catch2/catch.hpp>

#include "tests/unit/gateway_fields.hh"

using namespace weir;
using namespace weir::gateway;
using namespace std::chrono_literals;

namespace {

StickyCookie make(Sticky kind, Duration lifetime = 0s, std::string_view secret = "secret") {
  UpstreamSection settings;
  settings.sticky = kind;
  settings.sticky_cookie = "s";
  settings.sticky_lifetime = lifetime;
  return StickyCookie(settings, secret, "app/s");
}

// What a browser sends back of a Set-Cookie field.
std::string pair_of(const std::string& set_cookie) {
  return set_cookie.substr(0, set_cookie.find(';'));
}

}  // namespace

TEST_CASE("our own cookie names the server that it was made for") {
  const StickyCookie cookie = make(Sticky::cookie);
  const std::string pair = pair_of(cookie.set_cookie("10.0.0.1:80", false));
  CHECK(pair.starts_with("s="));
  CHECK(cookie.server_of(fields({{"Cookie", "a=1; " + pair}})) == "10.0.0.1:80");
}

TEST_CASE("a cookie that is missing, forged or another's names no server") {
  const StickyCookie cookie = make(Sticky::cookie);
  const std::string foreign = pair_of(make(Sticky::cookie, 0s, "other").set_cookie("x", false));
  CHECK(cookie.server_of(fields()).empty());
  CHECK(cookie.server_of(fields({{"Cookie", "s=10.0.0.1:80"}})).empty());
  CHECK(cookie.server_of(fields({{"Cookie", foreign}})).empty());
}

TEST_CASE("servers don't see our own cookie") {
  const StickyCookie cookie = make(Sticky::cookie);
  CHECK(cookie.for_server("a=1; s=x; b=2") == "a=1; b=2");
  CHECK(cookie.for_server("s=x").empty());
  CHECK(cookie.for_server("a=1") == "a=1");
}

TEST_CASE("our own cookie is kept from scripts and lives as long as it is told") {
  const std::string plain = make(Sticky::cookie).set_cookie("x", false);
  CHECK(plain.ends_with("; Path=/; HttpOnly; SameSite=Lax"));
  const std::string secure = make(Sticky::cookie, 1h).set_cookie("x", true);
  CHECK(secure.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=3600"));
}

TEST_CASE("our own cookie leaves the application's alone") {
  CHECK(make(Sticky::cookie).for_client("s=1; Path=/", "x") == "s=1; Path=/");
}

TEST_CASE("an application's cookie carries the server's name out and loses it on the way in") {
  const StickyCookie cookie = make(Sticky::app_cookie);
  CHECK(cookie.set_cookie("x", false).empty());
  const std::string out = cookie.for_client("s=abc~d; Path=/app", "10.0.0.1:80");
  CHECK(out.ends_with("~abc~d; Path=/app"));
  CHECK(cookie.server_of(fields({{"Cookie", pair_of(out)}})) == "10.0.0.1:80");
  CHECK(cookie.for_server("a=1; " + pair_of(out)) == "a=1; s=abc~d");
}

TEST_CASE("an application's other cookies pass as they are, both ways") {
  const StickyCookie cookie = make(Sticky::app_cookie);
  for (const std::string other : {"session=1; Path=/", "S=1", "s", ""})
    CHECK(cookie.for_client(other, "x") == other);
  CHECK(cookie.for_server("a=1; s=never-ours") == "a=1; s=never-ours");
  CHECK(cookie.server_of(fields({{"Cookie", "s=never-ours"}})).empty());
}
