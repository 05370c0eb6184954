#include <catch2/catch.hpp>

#include "pkg/etcd/grpc.hh"

using namespace weir;
using namespace weir::etcd;

namespace {

std::string framed(std::string_view message) {
  std::string out;
  const size_t at = reserve_prefix(out);
  out += message;
  set_prefix(out, at);
  return out;
}

}  // namespace

TEST_CASE("a message stands behind its size") {
  CHECK(framed("abc") == std::string("\0\0\0\0\3abc", 8));
  CHECK(framed("") == std::string("\0\0\0\0\0", 5));
  std::string two = framed("a");
  const size_t at = reserve_prefix(two);
  two += std::string(0x010203, 'x');
  set_prefix(two, at);
  CHECK(two.substr(6, 5) == std::string("\0\0\1\2\3", 5));
}

TEST_CASE("messages are the same in whatever pieces they come") {
  const std::string bytes = framed("first") + framed("") + framed("third");
  for (size_t size = 1; size <= bytes.size(); ++size) {
    MessageReader reader(5);
    std::string read;
    for (size_t at = 0; at < bytes.size(); at += size) {
      reader.feed(std::string_view(bytes).substr(at, size));
      for (;;) {
        const auto message = reader.next();
        REQUIRE(message);
        if (!*message) break;
        read += std::string(**message) + "|";
      }
    }
    CHECK(read == "first||third|");
    CHECK(reader.is_between());
  }
}

TEST_CASE("a message that is cut off is none") {
  MessageReader reader(100);
  CHECK(reader.is_between());
  reader.feed(framed("whole") + framed("half").substr(0, 7));
  CHECK(reader.next()->value() == "whole");
  CHECK(!reader.next()->has_value());
  CHECK(!reader.is_between());
}

TEST_CASE("a message that is too large is refused by its prefix, and for good") {
  MessageReader reader(4);
  reader.feed(framed("four"));
  CHECK(reader.next()->value() == "four");
  reader.feed(framed("12345").substr(0, kPrefixBytes));
  for (int i = 0; i < 2; ++i) {
    const auto refused = reader.next();
    REQUIRE(!refused);
    CHECK(refused.error() == Status{Code::resource_exhausted, "a message of 5 bytes is larger than 4"});
  }
  MessageReader endless(100);
  endless.feed("\xff\xff\xff\xff\xff");
  CHECK(endless.next().error().code == Code::internal);
  MessageReader huge(100);
  huge.feed(std::string("\0\xff\xff\xff\xff", 5));
  CHECK(huge.next().error().code == Code::resource_exhausted);
}

TEST_CASE("a compressed message is refused") {
  MessageReader reader(100);
  reader.feed(std::string("\1\0\0\0\0", 5));
  CHECK(reader.next().error().code == Code::unimplemented);
}

TEST_CASE("a status is two fields, its message without what a field cannot carry") {
  CHECK(status_lines({}) == "grpc-status: 0\r\n");
  CHECK(status_lines({Code::not_found, "no such lease"}) ==
        "grpc-status: 5\r\ngrpc-message: no such lease\r\n");
  CHECK(status_lines({Code::unauthenticated, "a\r\nb"}) == "grpc-status: 16\r\ngrpc-message: a%0D%0Ab\r\n");
  CHECK(percent_encode("100% \xc3\xbc\x7f~") == "100%25 %C3%BC%7F~");
}

TEST_CASE("a timeout is a number and a unit") {
  using namespace std::chrono_literals;
  CHECK(parse_timeout("1H") == Duration(1h));
  CHECK(parse_timeout("2M") == Duration(2min));
  CHECK(parse_timeout("3S") == Duration(3s));
  CHECK(parse_timeout("99999999m") == Duration(99999999ms));
  CHECK(parse_timeout("5u") == Duration(5us));
  CHECK(parse_timeout("0n") == Duration(0));
  CHECK(parse_timeout("99999999H") == Duration::max());
  for (const char* bad : {"", "1", "S", "-1S", "1s", "1 S", "123456789n", "0x1S"}) CHECK(!parse_timeout(bad));
}

TEST_CASE("what is gRPC with protobuf") {
  for (const char* good :
       {"application/grpc", "application/grpc+proto", "Application/gRPC", "application/grpc; charset=utf-8"})
    CHECK(is_grpc_content(good));
  for (const char* other :
       {"", "application/json", "application/grpc+json", "application/grpc-web", "application"})
    CHECK(!is_grpc_content(other));
}

TEST_CASE("a path names a service and its method") {
  const auto parsed = parse_method_path("/etcdserverpb.KV/Range");
  REQUIRE(parsed);
  CHECK(parsed->service == "etcdserverpb.KV");
  CHECK(parsed->method == "Range");
  for (const char* bad : {"", "/", "//", "a/b", "/a", "/a/", "/a/b/c", "*"}) CHECK(!parse_method_path(bad));
}
