#include "pkg/transport/proxy_protocol.hh"

#include <catch2/catch.hpp>

#include "tests/unit/transport_hex.hh"

using namespace weir;
using namespace weir::transport;
using Verdict = ProxyParse::Verdict;
using Kind = ProxyHeader::Kind;

namespace {

// TCP over IPv4 with ALPN, AUTHORITY, NOOP, SSL, UNIQUE_ID and CRC32C, put together field by field.
const std::string kV2 = from_hex(
    "0d0a0d0a000d0a515549540a21110044c0000201c6336407dc0401bb010002683202000b6578616d706c652e636f6d040002"
    "000020000f0100000000210007544c5376312e3305000469642d3103000451b7c9cd");
const std::string kSignature = kV2.substr(0, 12);

Address at(std::string_view text) {
  return *Address::parse_listen(text);
}

ProxyHeader stream_between(std::string_view source, std::string_view destination) {
  ProxyHeader header;
  header.kind = Kind::stream;
  header.source = at(source);
  header.destination = at(destination);
  return header;
}

Verdict verdict_of(std::string_view bytes) {
  ProxyHeader out;
  return parse_proxy_header(bytes, out).verdict;
}

// A version 2 header of the second and third fixed byte and what follows the length.
std::string v2(std::string_view command_and_family, const std::string& rest) {
  return kSignature + std::string(command_and_family) + static_cast<char>(rest.size() >> 8) +
         static_cast<char>(rest.size()) + rest;
}

std::string field(char type, const std::string& value) {
  return std::string(1, type) + static_cast<char>(value.size() >> 8) + static_cast<char>(value.size()) +
         value;
}

}  // namespace

TEST_CASE("version 1 says who the client is") {
  ProxyHeader out;
  const std::string v4 = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n";
  const ProxyParse parse = parse_proxy_header(v4 + "GET /", out);
  REQUIRE(parse.verdict == Verdict::done);
  CHECK(parse.consumed == v4.size());
  CHECK(out.kind == Kind::stream);
  CHECK(out.source == at("192.0.2.1:56324"));
  CHECK(out.destination == at("198.51.100.7:443"));
  REQUIRE(parse_proxy_header("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n", out).verdict == Verdict::done);
  CHECK(out.source == at("[2001:db8::1]:0"));
  CHECK(out.destination == at("[::1]:65535"));
  REQUIRE(parse_proxy_header("PROXY UNKNOWN ffff:: what ever\r\n", out).verdict == Verdict::done);
  CHECK(out.kind == Kind::none);
  CHECK(verdict_of("PROXY UNKNOWN\r\n") == Verdict::done);
}

TEST_CASE("version 1 is read strictly") {
  for (const std::string_view line :
       {"PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n", "PROXY TCP4 192.0.2.1 198.51.100.7 1 2 3\r\n",
        "PROXY TCP4  192.0.2.1 198.51.100.7 1 2\r\n", "PROXY TCP4 192.0.2.1 198.51.100.7 1 2 \r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 01 2\r\n", "PROXY TCP4 192.0.2.1 198.51.100.7 1 65536\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 +1 2\r\n", "PROXY TCP4 192.0.02.1 198.51.100.7 1 2\r\n",
        "PROXY TCP4 ::1 ::2 1 2\r\n", "PROXY TCP6 192.0.2.1 198.51.100.7 1 2\r\n",
        "PROXY TCP6 [::1] ::2 1 2\r\n", "PROXY UDP4 192.0.2.1 198.51.100.7 1 2\r\n", "PROXY UNKNOWNX\r\n",
        "PROXY \r\n", "PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n", "proxy TCP4 ", "GET / HTTP/1.1",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rx"}) {
    INFO(line);
    CHECK(verdict_of(line) == Verdict::refused);
  }
  const std::string longest = "PROXY UNKNOWN " + std::string(kMostProxyV1Bytes - 16, 'x') + "\r\n";
  CHECK(verdict_of(longest) == Verdict::done);
  CHECK(verdict_of("PROXY UNKNOWN " + std::string(kMostProxyV1Bytes - 15, 'x') + "\r\n") == Verdict::refused);
  CHECK(verdict_of("PROXY UNKNOWN " + std::string(kMostProxyV1Bytes, 'x')) == Verdict::refused);
}

TEST_CASE("version 2 says who the client is, and what TLS agreed on") {
  ProxyHeader out;
  const ProxyParse parse = parse_proxy_header(kV2 + "GET /", out);
  REQUIRE(parse.verdict == Verdict::done);
  CHECK(parse.consumed == kV2.size());
  CHECK(out.kind == Kind::stream);
  CHECK(out.source == at("192.0.2.1:56324"));
  CHECK(out.destination == at("198.51.100.7:443"));
  CHECK(out.alpn == "h2");
  CHECK(out.authority == "example.com");
  CHECK(out.unique_id == "id-1");
}

TEST_CASE("a header that comes byte by byte is read when it is whole, and not before") {
  for (const std::string& whole :
       {kV2, std::string("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"), v2(std::string_view("\x20\0", 2), "")}) {
    for (size_t size = 0; size < whole.size(); ++size) {
      CHECK(verdict_of(whole.substr(0, size)) == Verdict::need_more);
    }
    CHECK(verdict_of(whole) == Verdict::done);
  }
}

TEST_CASE("LOCAL and UNSPEC leave the connection its own addresses") {
  ProxyHeader out;
  REQUIRE(parse_proxy_header(v2("\x20\x11", "to be discarded"), out).verdict == Verdict::done);
  CHECK(out.kind == Kind::none);
  REQUIRE(parse_proxy_header(v2(std::string_view("\x21\0", 2), field(2, "a.example")), out).verdict ==
          Verdict::done);
  CHECK(out.kind == Kind::none);
  CHECK(out.authority == "a.example");
}

TEST_CASE("version 2 is read strictly") {
  const std::string addresses(12, '\1');
  const std::vector<std::string> cases{
      kSignature + "\x11",                                          // version 1
      kSignature + "\x22",                                          // a third command
      v2("\x21\x13", addresses),                                    // no such transport
      v2("\x21\x41", addresses),                                    // no such family
      v2("\x21\x11", addresses.substr(1)),                          // too short for its addresses
      v2("\x21\x21", addresses),                                    //
      v2("\x21\x31", std::string(216, 'x')),                        // a path without an end
      v2("\x21\x11", addresses + "\x04"),                           // a field that is cut off
      v2("\x21\x11", addresses + std::string("\x04\0\x02x", 4)),    //
      v2("\x21\x11", addresses + field(3, "123")),                  // no checksum of four bytes
      v2("\x21\x11", addresses + field(3, "1234")),                 // not the right one
      v2("\x21\x11", addresses + field(2, "a") + field(2, "b")),    // two host names
      v2("\x21\x11", addresses + field(2, std::string(256, 'a'))),  //
      v2("\x21\x11", addresses + field(5, std::string(129, 'a'))),  //
      kSignature + "\x21\x11\x40\x01",                              // too long
      kSignature.substr(0, 4) + "\1",                               // not the signature
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    INFO(i);
    CHECK(verdict_of(cases[i]) == Verdict::refused);
  }
  for (size_t flipped = 16; flipped < kV2.size(); ++flipped) {  // the checksum covers every byte
    std::string damaged = kV2;
    damaged[flipped] = static_cast<char>(damaged[flipped] ^ 0x10);
    const bool is_checksum_field_itself = flipped == kV2.size() - 7;  // its type: then there is no checksum
    if (!is_checksum_field_itself) CHECK(verdict_of(damaged) == Verdict::refused);
  }
}

TEST_CASE("what is written is read again") {
  std::vector<ProxyHeader> headers{{},
                                   stream_between("192.0.2.1:1", "192.0.2.2:65535"),
                                   stream_between("[2001:db8::1]:1", "[::1]:2"),
                                   stream_between("192.0.2.1:1", "[2001:db8::1]:2"),
                                   stream_between("unix:/run/a", "unix:/run/b")};
  headers[1].alpn = "h2";
  headers[1].authority = "example.com";
  headers[1].unique_id = std::string("\0\1\2", 3);
  for (const ProxyHeader& header : headers) {
    for (const bool is_v1 : {true, false}) {
      std::string bytes = "before";
      is_v1 ? append_proxy_v1(bytes, header) : append_proxy_v2(bytes, header);
      ProxyHeader out;
      const ProxyParse parse = parse_proxy_header(std::string_view(bytes).substr(6), out);
      REQUIRE(parse.verdict == Verdict::done);
      CHECK(parse.consumed == bytes.size() - 6);
      const bool is_known = !is_v1 || header.source.kind == Address::Kind::ip;
      CHECK(out.kind == (is_known ? header.kind : Kind::none));
      if (out.kind == Kind::none) continue;
      CHECK(out.source == header.source);
      CHECK(out.destination == header.destination);
      CHECK(out.alpn == (is_v1 ? "" : header.alpn));
      CHECK(out.authority == (is_v1 ? "" : header.authority));
      CHECK(out.unique_id == (is_v1 ? "" : header.unique_id));
    }
  }
}

TEST_CASE("datagrams are told from streams in version 2, and unknown to version 1") {
  ProxyHeader header = stream_between("192.0.2.1:1", "192.0.2.2:53");
  header.kind = Kind::datagram;
  std::string v1_bytes;
  append_proxy_v1(v1_bytes, header);
  CHECK(v1_bytes == "PROXY UNKNOWN\r\n");
  std::string v2_bytes;
  append_proxy_v2(v2_bytes, header);
  ProxyHeader out;
  REQUIRE(parse_proxy_header(v2_bytes, out).verdict == Verdict::done);
  CHECK(out.kind == Kind::datagram);
}
