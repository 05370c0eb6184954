#include "pkg/transport/client_hello.hh"

#include <catch2/catch.hpp>

#include "tests/unit/transport_hex.hh"

using namespace weir::transport;
using Verdict = HelloParse::Verdict;

namespace {

// What OpenSSL 3.0's s_client sent: with -servername Shop.Example.com, -alpn h2,http/1.1 and TLS 1.2 only …
const std::string kTls12 = from_hex(
    "16030100a6010000a20303718037e55932830b18f4a6943451651e35fb27f6064898cd8c90cb5799e14a0c000004c02f00ff"
    "0100007500000015001300001053686f702e4578616d706c652e636f6d000b000403000102000a00040002001d0023000000"
    "10000e000c02683208687474702f312e310016000000170000000d002a0028040305030603080708080809080a080b080408"
    "050806040105010601030303010302040205020602");
// … with -noservername …
const std::string kNoName = from_hex(
    "16030101240100012003034a6f203ac1be9f00002a998715c1dd0e343a6eb9396453b75c5244086ad6873220006b4759b9b0"
    "2b031e97a3237717eaf43b5df1f2d5d41637919b14765700f460003e130213031301c02cc030009fcca9cca8ccaac02bc02f"
    "009ec024c028006bc023c0270067c00ac0140039c009c0130033009d009c003d003c0035002f00ff01000099000b00040300"
    "0102000a00160014001d0017001e0019001801000101010201030104002300000016000000170000000d002a002804030503"
    "0603080708080809080a080b080408050806040105010601030303010302040205020602002b000908030403030302030100"
    "2d00020101003300260024001d0020c86f5346e0677db20608a6266b0a8a3bcb05926a1ff6f068b903af1731183905");
// … and with -servername a.example and -alpn postgresql.
const std::string kTls13 = from_hex(
    "1603010147010001430303265dcf4fa26f1bfc11bccb605c03b20038ef1409ae0e8c5ceaec719dfd61e14d20e41db3d023be"
    "15a5a0edfc35b3979aa904bfe55623c947361bc1d5fad6d16aa8003e130213031301c02cc030009fcca9cca8ccaac02bc02f"
    "009ec024c028006bc023c0270067c00ac0140039c009c0130033009d009c003d003c0035002f00ff010000bc0000000e000c"
    "000009612e6578616d706c65000b000403000102000a00160014001d0017001e001900180100010101020103010400230000"
    "0010000d000b0a706f737467726573716c0016000000170000000d002a0028040305030603080708080809080a080b080408"
    "050806040105010601030303010302040205020602002b0009080304030303020301002d00020101003300260024001d0020"
    "3b72658e08c070977afdab4ced284e43cf4cb39166a024fb57cd6be14137937e");

std::string number(size_t value, unsigned size) {
  std::string out;
  for (unsigned at = size; at > 0; --at) out += static_cast<char>(value >> (8 * (at - 1)));
  return out;
}

std::string counted(const std::string& bytes, unsigned size) {
  return number(bytes.size(), size) + bytes;
}

std::string extension(uint32_t type, const std::string& content) {
  return number(type, 2) + counted(content, 2);
}

std::string server_name(const std::string& name) {
  return extension(0, counted(std::string(1, '\0') + counted(name, 2), 2));
}

std::string record(const std::string& fragment) {
  return "\x16\x03\x01" + counted(fragment, 2);
}

std::string message(const std::string& extensions) {
  const std::string body = std::string("\x03\x03") + std::string(32, 'r') + counted("", 1) +
                           counted("\x13\x01", 2) + counted(std::string(1, '\0'), 1) + counted(extensions, 2);
  return "\x01" + counted(body, 3);
}

std::string hello(const std::string& extensions) {
  return record(message(extensions));
}

}  // namespace

TEST_CASE("the name and the protocols of real clients are read") {
  ClientHello out;
  REQUIRE(parse_client_hello(kTls12, out).verdict == Verdict::hello);
  CHECK(out.server_name == "shop.example.com");
  CHECK(out.alpn == std::vector<std::string>{"h2", "http/1.1"});
  REQUIRE(parse_client_hello(kTls13, out).verdict == Verdict::hello);
  CHECK(out.server_name == "a.example");
  CHECK(out.alpn == std::vector<std::string>{"postgresql"});
  REQUIRE(parse_client_hello(kNoName, out).verdict == Verdict::hello);
  CHECK(out.server_name.empty());
  CHECK(out.alpn.empty());
}

TEST_CASE("a hello that comes byte by byte is read when it is whole, and not before") {
  for (const std::string& whole : {kTls12, kNoName, kTls13}) {
    ClientHello out;
    for (size_t size = 0; size < whole.size(); ++size) {
      CHECK(parse_client_hello(whole.substr(0, size), out).verdict == Verdict::need_more);
    }
    CHECK(parse_client_hello(whole, out).verdict == Verdict::hello);
    CHECK(parse_client_hello(whole + "what follows", out).verdict == Verdict::hello);
  }
}

TEST_CASE("a hello that is spread over records is put together") {
  const std::string whole = kTls12.substr(5);
  for (const size_t size : {1, 3, 4, 50, 165}) {
    std::string bytes;
    for (size_t at = 0; at < whole.size(); at += size) bytes += record(whole.substr(at, size));
    ClientHello out;
    CHECK(parse_client_hello(bytes.substr(0, bytes.size() - 1), out).verdict == Verdict::need_more);
    REQUIRE(parse_client_hello(bytes, out).verdict == Verdict::hello);
    CHECK(out.server_name == "shop.example.com");
  }
}

TEST_CASE("what is not TLS is known by its first bytes") {
  ClientHello out;
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1"), std::string("\x80\x2e\x01"), std::string("\x16\x02"),
        std::string("\x17\x03\x03"), record("\x02"), std::string("\x16\x03\x01\x00\x00", 5),
        std::string("\x16\x03\x01\x40\x01", 5), record(std::string("\x01\x00\x40\x00", 4)),
        record("\x01") + "\x14"}) {
    CHECK(parse_client_hello(bytes, out).verdict == Verdict::not_tls);
  }
}

TEST_CASE("a malformed hello is refused, with a reason") {
  const std::string one_protocol = extension(16, counted(counted("h2", 1), 2));
  const std::vector<std::string> cases{
      hello(server_name("a") + server_name("b")),
      hello(one_protocol + one_protocol),
      hello(server_name("")),
      hello(server_name("under the bridge")),
      hello(server_name("example.com.")),
      hello(server_name("a..b")),
      hello(server_name(std::string("a\0b", 3))),
      hello(server_name(std::string(254, 'a'))),
      hello(extension(0, "")),
      hello(extension(0, counted("", 2))),
      hello(extension(0, counted(std::string("\0\0\x05sh", 5), 2))),
      hello(extension(16, counted(counted("", 1), 2))),
      hello(extension(16, counted("\x09h2", 2))),
      hello(extension(16, counted(counted("h2", 1), 2) + "x")),
      hello(number(5, 2) + number(9, 2)),
      record("\x01" + counted("\x03\x03", 3)),
  };
  for (const std::string& bytes : cases) {
    ClientHello out;
    const HelloParse parse = parse_client_hello(bytes, out);
    CHECK(parse.verdict == Verdict::not_tls);
    CHECK_FALSE(parse.reason.empty());
  }
}

TEST_CASE("unknown extensions and kinds of names are passed over") {
  ClientHello out;
  const std::string names = "\x07" + counted("other", 2) + std::string(1, '\0') + counted("x_1.example", 2);
  const std::string bytes =
      hello(extension(0x0a0a, "grease") + extension(0, counted(names, 2)) + extension(0xfe0d, "ech"));
  REQUIRE(parse_client_hello(bytes, out).verdict == Verdict::hello);
  CHECK(out.server_name == "x_1.example");
}

TEST_CASE("a hello is taken up to its limit and refused beyond") {
  ClientHello out;
  const size_t around = hello(extension(21, "")).size();
  const std::string largest = hello(extension(21, std::string(kMostClientHelloBytes - around, '\0')));
  REQUIRE(largest.size() == kMostClientHelloBytes);
  CHECK(parse_client_hello(largest, out).verdict == Verdict::hello);
  const std::string larger = hello(extension(21, std::string(kMostClientHelloBytes - around + 1, '\0')));
  CHECK(parse_client_hello(larger, out).verdict == Verdict::not_tls);
  const std::string body = message(extension(21, std::string(9000, '\0')));
  std::string crumbs;  // mostly headers of records
  for (const char c : body) crumbs += record(std::string(1, c));
  CHECK(parse_client_hello(crumbs, out).verdict == Verdict::not_tls);
}
