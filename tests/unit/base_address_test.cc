#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <catch2/catch.hpp>
#include <cstddef>
#include <cstring>

#include "pkg/base/address.hh"
#include "pkg/base/random.hh"

using namespace weir;

namespace {

IpAddress ip(std::string_view text) {
  const auto address = IpAddress::parse(text);
  REQUIRE(address);
  return *address;
}

Cidr cidr(std::string_view text) {
  const auto range = Cidr::parse(text);
  REQUIRE(range);
  return *range;
}

}  // namespace

TEST_CASE("IP addresses are read, and written in their shortest form") {
  struct Row {
    std::string text;
    std::string written;
    bool v4;
  };
  const auto row = GENERATE(values<Row>(
      {{"0.0.0.0", "0.0.0.0", true},
       {"192.0.2.1", "192.0.2.1", true},
       {"255.255.255.255", "255.255.255.255", true},
       {"::", "::", false},
       {"::1", "::1", false},
       {"2001:DB8:0:0:0:0:0:1", "2001:db8::1", false},
       {"::ffff:192.0.2.1", "192.0.2.1", true},  // the same client
       {"::ffff:c000:201", "192.0.2.1", true},
       {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false}}));
  INFO(row.text);
  CHECK(ip(row.text).to_string() == row.written);
  CHECK(ip(row.text).is_v4() == row.v4);
  CHECK(ip(row.written) == ip(row.text));
}

TEST_CASE("what is no IP address is refused") {
  const std::string text = GENERATE(values<std::string>(
      {"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4/8",
       "0x1.2.3.4", ":", ":::", "1::2::3", "12345::", "[::1]", "fe80::1%eth0", "localhost",
       "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", std::string("1.2.3.4\0", 8)}));
  INFO(text);
  CHECK_FALSE(IpAddress::parse(text));
}

TEST_CASE("an IPv4 address from a number is that in host order") {
  CHECK(IpAddress::v4(0xc0000201) == ip("192.0.2.1"));
}

TEST_CASE("a mask keeps the first bits") {
  struct Row {
    std::string address;
    unsigned prefix;
    std::string masked;
  };
  const auto row = GENERATE(values<Row>({{"192.0.2.255", 32, "192.0.2.255"},
                                         {"192.0.2.255", 99, "192.0.2.255"},
                                         {"192.0.2.255", 31, "192.0.2.254"},
                                         {"192.0.2.255", 25, "192.0.2.128"},
                                         {"192.0.2.255", 24, "192.0.2.0"},
                                         {"192.0.2.255", 1, "128.0.0.0"},
                                         {"192.0.2.255", 0, "0.0.0.0"},
                                         {"2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::"},
                                         {"2001:db8:1:2:3:4:5:6", 56, "2001:db8:1::"},
                                         {"2001:db8:1:2:3:4:5:6", 0, "::"},
                                         {"2001:db8::7", 127, "2001:db8::6"},
                                         {"2001:db8::7", 128, "2001:db8::7"},
                                         {"2001:db8::7", 999, "2001:db8::7"}}));
  INFO(row.address << "/" << row.prefix);
  CHECK(ip(row.address).masked(row.prefix).to_string() == row.masked);
}

TEST_CASE("ranges hold what shares their first bits, within one family") {
  struct Row {
    std::string range;
    std::string address;
    bool contained;
  };
  const auto row = GENERATE(values<Row>({{"10.0.0.0/8", "10.255.255.255", true},
                                         {"10.0.0.0/8", "11.0.0.0", false},
                                         {"10.1.2.3/8", "10.9.9.9", true},
                                         {"192.0.2.1", "192.0.2.1", true},
                                         {"192.0.2.1", "192.0.2.2", false},
                                         {"0.0.0.0/0", "203.0.113.7", true},
                                         {"0.0.0.0/0", "::1", false},
                                         {"::/0", "2001:db8::1", true},
                                         {"::/0", "203.0.113.7", false},
                                         {"10.0.0.0/8", "::ffff:10.1.1.1", true},
                                         {"2001:db8::/32", "2001:db8:ffff::1", true},
                                         {"2001:db8::/32", "2001:db9::", false}}));
  INFO(row.range << " " << row.address);
  CHECK(cidr(row.range).contains(ip(row.address)) == row.contained);
}

TEST_CASE("ranges are written masked and with their prefix") {
  CHECK(cidr("10.1.2.3/8").to_string() == "10.0.0.0/8");
  CHECK(cidr("192.0.2.1").to_string() == "192.0.2.1/32");
  CHECK(cidr("2001:db8::1").to_string() == "2001:db8::1/128");
  CHECK(cidr("10.1.2.3/8") == cidr("10.0.0.0/8"));
  CHECK_FALSE(cidr("10.0.0.0/8") == cidr("10.0.0.0/9"));
}

TEST_CASE("what is no range is refused") {
  const std::string text = GENERATE(values<std::string>(
      {"", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/8/8", "10/8", "a/8"}));
  INFO(text);
  CHECK_FALSE(Cidr::parse(text));
}

TEST_CASE("a range contains an address exactly when their first bits agree") {
  const uint64_t seed = Random().next();
  INFO("seed = " << seed);
  Random random(seed);
  for (int i = 0; i < 1000; ++i) {
    const auto a = static_cast<uint32_t>(random.next());
    const uint32_t b = a ^ (uint32_t{1} << random.below(32));
    const auto prefix = static_cast<unsigned>(random.below(33));
    const uint32_t mask = prefix == 0 ? 0 : ~uint32_t{0} << (32 - prefix);
    const Cidr range{IpAddress::v4(a).masked(prefix), prefix};
    REQUIRE(range.contains(IpAddress::v4(a)));
    REQUIRE(range.contains(IpAddress::v4(b)) == ((a & mask) == (b & mask)));
    REQUIRE(cidr(range.to_string()) == range);
  }
}

TEST_CASE("addresses to listen on are read and written") {
  struct Row {
    std::string text;
    Address::Kind kind;
    std::string written;
  };
  using Kind = Address::Kind;
  const auto row = GENERATE(values<Row>({{"127.0.0.1:8080", Kind::ip, "127.0.0.1:8080"},
                                         {"0.0.0.0:0", Kind::ip, "0.0.0.0:0"},
                                         {"[::]:65535", Kind::ip, "[::]:65535"},
                                         {"[2001:DB8::1]:80", Kind::ip, "[2001:db8::1]:80"},
                                         {"unix:/run/weir/x.sock", Kind::unix_path, "unix:/run/weir/x.sock"},
                                         {"unix:x", Kind::unix_path, "unix:x"},
                                         {"uniX:8", Kind::unix_path, "unix:8"},
                                         {"fd:3", Kind::inherited_fd, "fd:3"}}));
  const auto address = Address::parse_listen(row.text);
  INFO(row.text);
  REQUIRE(address);
  CHECK(address->kind == row.kind);
  CHECK(address->to_string() == row.written);
  CHECK(Address::parse_listen(row.written) == *address);
}

TEST_CASE("addresses to connect to may be names") {
  const auto address = Address::parse_connect("App-1.internal_net:9000");
  REQUIRE(address);
  CHECK(address->kind == Address::Kind::name);
  CHECK(address->text == "app-1.internal_net");
  CHECK(address->port == 9000);
  CHECK(address->to_string() == "app-1.internal_net:9000");
  CHECK(Address::parse_connect("[::1]:1")->kind == Address::Kind::ip);
  CHECK(Address::parse_connect("unix:/x")->kind == Address::Kind::unix_path);
}

TEST_CASE("what is no address is refused with a reason") {
  struct Row {
    std::string text;
    std::string reason;
  };
  const std::string nul = std::string("unix:/run/x\0y", 13);
  const auto row = GENERATE_COPY(values<Row>({
      {"", "\"\" has no port"},
      {"127.0.0.1", "has no port"},
      {"127.0.0.1:", "\"\" is not a port"},
      {"127.0.0.1:65536", "\"65536\" is not a port"},
      {"127.0.0.1:+1", "is not a port"},
      {"127.0.0.1:http", "is not a port"},
      {":8080", "is not an address"},
      {"::1:8080", "is not an address"},
      {"1.2.3:80", "is not an address"},
      {"1.2.3.4.5:80", "is not an address"},
      {"256.0.0.1:80", "is not an address"},
      {"[::1:80", "is not an address"},
      {"[app]:80", "is not an address"},
      {"-app:80", "is not an address"},
      {"app-:80", "is not an address"},
      {"a..b:80", "is not an address"},
      {"a b:80", "is not an address"},
      {std::string(64, 'a') + ":80", "is not an address"},
      {"unix:", "needs a path"},
      {"unix:" + std::string(108, 'x'), "at most 107 bytes"},
      {nul, "zero byte"},
  }));
  INFO(row.text);
  for (const auto& parsed : {Address::parse_listen(row.text), Address::parse_connect(row.text)}) {
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == Errc::invalid);
    CHECK_THAT(parsed.error().message, Catch::Contains(row.reason));
  }
}

TEST_CASE("some addresses are for one purpose only") {
  CHECK_THAT(Address::parse_listen("app:80").error().message, Catch::Contains("is a name"));
  CHECK_THAT(Address::parse_connect("127.0.0.1:0").error().message, Catch::Contains("port 0"));
  for (const auto* text : {"fd:2", "fd:", "fd:-1", "fd:x", "fd:65536"}) {
    CHECK_THAT(Address::parse_listen(text).error().message, Catch::Contains("fd:3"));
  }
}

TEST_CASE("socket addresses carry the same to the kernel and back") {
  struct Row {
    std::string text;
    int family;
    size_t length;
  };
  const auto row =
      GENERATE_COPY(values<Row>({{"192.0.2.1:8080", AF_INET, sizeof(sockaddr_in)},
                                 {"[2001:db8::1]:443", AF_INET6, sizeof(sockaddr_in6)},
                                 {"unix:/run/x.sock", AF_UNIX, offsetof(sockaddr_un, sun_path) + 12},
                                 {"unix:" + std::string(107, 'x'), AF_UNIX, sizeof(sockaddr_un)}}));
  const auto address = Address::parse_connect(row.text);
  REQUIRE(address);
  sockaddr_storage storage;
  memset(&storage, 0xff, sizeof storage);
  CHECK(address->to_sockaddr(storage) == row.length);
  CHECK(storage.ss_family == row.family);
  CHECK(Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage)) == *address);
}

TEST_CASE("the bytes of a socket address are in network order") {
  sockaddr_storage storage;
  (void)Address::parse_connect("192.0.2.1:8080")->to_sockaddr(storage);
  sockaddr_in in;
  memcpy(&in, &storage, sizeof in);
  CHECK(in.sin_port == htons(8080));
  CHECK(in.sin_addr.s_addr == htonl(0xc0000201));
}
