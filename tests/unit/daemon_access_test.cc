#include <catch2/catch.hpp>

#include "pkg/base/base64.hh"
#include "pkg/daemon/admin_access.hh"
#include "pkg/http/head.hh"

using namespace weir;
using namespace weir::daemon;

namespace {

const AdminPeer kLocal{"127.0.0.1:5", false, true};
const AdminPeer kRemote{"192.0.2.1:5", false, false};
const AdminPeer kUnix{"unix:uid=0,pid=1", true, false};
constexpr const char* kJson = "Content-Type: application/json\r\n";

// The status a write with these fields is refused with; 0 where it is not.
int write_status(const std::string& fields, const AdminPeer& peer, std::string_view token = "",
                 const std::string& host = "127.0.0.1:9901") {
  const std::string text = "PUT /api/log HTTP/1.1\r\nHost: " + host + "\r\n" + fields + "\r\n";
  http::RequestHead head;
  REQUIRE_FALSE(http::parse_request_head(text, head));
  const auto refused = refuse_write(head, peer, token);
  return refused ? refused->status : 0;
}

int read_status(const std::string& fields, const AdminPeer& peer, std::string_view token = "",
                const std::string& host = "127.0.0.1:9901") {
  const std::string text = "GET / HTTP/1.1\r\nHost: " + host + "\r\n" + fields + "\r\n";
  http::RequestHead head;
  REQUIRE_FALSE(http::parse_request_head(text, head));
  const auto refused = refuse_read(head, peer, token);
  return refused ? refused->status : 0;
}

}  // namespace

TEST_CASE("base64 is decoded strictly") {
  CHECK(decode_base64("") == "");
  CHECK(decode_base64("eA==") == "x");
  CHECK(decode_base64("eDo=") == "x:");
  CHECK(decode_base64("eDp5") == "x:y");
  CHECK(decode_base64("/+8=") == "\xff\xef");
  for (const char* bad : {"e", "eA", "eA=", "eB==", "e===", "====", "eA==eA==", "e A=", "eA=\n", "_-8="})
    CHECK_FALSE(decode_base64(bad));
}

TEST_CASE("credentials are a bearer token or the password of Basic") {
  CHECK(parse_credentials("Bearer abc")->token == "abc");
  CHECK(parse_credentials("bearer  abc")->token == "abc");
  const auto basic = parse_credentials("Basic YWxpY2U6czpjcmV0");
  REQUIRE(basic);
  CHECK(basic->user == "alice");
  CHECK(basic->token == "s:cret");
  for (const char* bad : {"", "abc", "Basic", "Basic !", "Basic YWxpY2U=", "Digest abc"})
    CHECK_FALSE(parse_credentials(bad));
}

TEST_CASE("without a token, writes are taken from the machine itself only") {
  CHECK(write_status(kJson, kLocal) == 0);
  CHECK(write_status(kJson, kUnix) == 0);
  CHECK(write_status(kJson, kRemote) == 403);
  CHECK(write_status(std::string(kJson) + "X-Forwarded-For: 192.0.2.1\r\n", kLocal) == 403);
  CHECK(write_status(std::string(kJson) + "Forwarded: for=192.0.2.1\r\n", kLocal) == 403);
}

TEST_CASE("with a token, writes want it wherever they come from") {
  const std::string right = std::string(kJson) + "Authorization: Bearer s\r\n";
  CHECK(write_status(right, kRemote, "s") == 0);
  CHECK(write_status(std::string(kJson) + "Authorization: Basic eDpz\r\n", kRemote, "s") == 0);
  for (const AdminPeer& peer : {kLocal, kUnix, kRemote}) {
    CHECK(write_status(kJson, peer, "s") == 401);
    CHECK(write_status(std::string(kJson) + "Authorization: Bearer t\r\n", peer, "s") == 401);
    CHECK(write_status(std::string(kJson) + "Authorization: Bearer \r\n", peer, "s") == 401);
  }
}

TEST_CASE("a page of another site cannot write, with or without a token") {
  const auto [field, status] = GENERATE(table<std::string, int>({
      {"Sec-Fetch-Site: cross-site", 403},
      {"Sec-Fetch-Site: same-site", 403},
      {"Sec-Fetch-Site: same-origin", 0},
      {"Sec-Fetch-Site: none", 0},
      {"Origin: http://evil.example", 403},
      {"Origin: null", 403},
      {"Origin: http://127.0.0.1:80", 403},
      {"Origin: http://127.0.0.1:9901", 0},
      {"Origin: https://127.0.0.1:9901", 0},
  }));
  CAPTURE(field);
  const std::string fields = kJson + field + "\r\n";
  CHECK(write_status(fields, kLocal) == status);
  CHECK(write_status(fields + "Authorization: Basic eDpz\r\n", kRemote, "s") == status);
}

TEST_CASE("a write must be application/json, which a form cannot send") {
  CHECK(write_status("", kLocal) == 415);
  CHECK(write_status("Content-Type: text/plain\r\n", kLocal) == 415);
  CHECK(write_status("Content-Type: application/x-www-form-urlencoded\r\n", kLocal) == 415);
  CHECK(write_status("Content-Type: application/jsonx\r\n", kLocal) == 415);
  CHECK(write_status("Content-Type: Application/JSON; charset=utf-8\r\n", kLocal) == 0);
}

TEST_CASE("without a token, loopback is asked by address: no name can be pointed at it") {
  const auto [host, status] = GENERATE(table<std::string, int>({
      {"127.0.0.1", 0},
      {"127.0.0.1:9901", 0},
      {"[::1]:9901", 0},
      {"localhost", 0},
      {"LOCALHOST:9901", 0},
      {"evil.example", 403},
      {"evil.example:9901", 403},
      {"localhost.evil.example", 403},
      {"127.0.0.1.evil.example", 403},
      {"notlocalhost", 403},
  }));
  CAPTURE(host);
  CHECK(write_status(kJson, kLocal, "", host) == status);
  CHECK(read_status("", kLocal, "", host) == status);
  CHECK(read_status("", kUnix, "", host) == 0);
  CHECK(read_status("", kRemote, "", host) == 0);
  CHECK(read_status("Authorization: Bearer s\r\n", kLocal, "s", host) == 0);
}
