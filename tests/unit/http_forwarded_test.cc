#include "pkg/http/forwarded.hh"

#include <catch2/catch.hpp>
#include <vector>

#include "pkg/http/write.hh"

using namespace weir;
using namespace weir::http;

namespace {

std::string client_of(std::string_view peer, std::string_view name, std::string_view value) {
  static const std::vector<Cidr> trusted{*Cidr::parse("10.0.0.0/8"), *Cidr::parse("fd00::/8")};
  FieldList fields;
  if (!name.empty()) fields.add({name, value, field_id(name)});
  return find_client(fields, *IpAddress::parse(peer), trusted).to_string();
}

}  // namespace

TEST_CASE("the client is the last hop that is not trusted") {
  CHECK(client_of("192.0.2.1", "X-Forwarded-For", "1.1.1.1") == "192.0.2.1");
  CHECK(client_of("10.0.0.1", "", "") == "10.0.0.1");
  CHECK(client_of("10.0.0.1", "X-Forwarded-For", "1.1.1.1") == "1.1.1.1");
  CHECK(client_of("10.0.0.1", "X-Forwarded-For", "6.6.6.6, 1.1.1.1, 10.2.3.4") == "1.1.1.1");
  CHECK(client_of("10.0.0.1", "X-Forwarded-For", "6.6.6.6, nonsense, 10.2.3.4") == "10.2.3.4");
  CHECK(client_of("10.0.0.1", "X-Forwarded-For", "1.1.1.1:4711") == "1.1.1.1");
  CHECK(client_of("10.0.0.1", "X-Forwarded-For", "[2001:db8::1]:4711") == "2001:db8::1");
  CHECK(client_of("fd00::1", "Forwarded", "for=\"[2001:db8::2]\";proto=https") == "2001:db8::2");
  CHECK(client_of("10.0.0.1", "Forwarded", "proto=http;For=1.1.1.1, for=10.9.9.9") == "1.1.1.1");
  CHECK(client_of("10.0.0.1", "Forwarded", "for=_hidden") == "10.0.0.1");
  CHECK(client_of("10.0.0.1", "X-Forwarded-For", "1.1.1.1,, 10.2.3.4 ,") == "1.1.1.1");
  CHECK(client_of("10.0.0.1", "X-Forwarded-For", "6.6.6.6, [2001:db8::1]x") == "10.0.0.1");
}

TEST_CASE("quotes in Forwarded hide nothing and invent nothing") {
  // A client's name for its host, which a trusted proxy has quoted.
  CHECK(client_of("10.0.0.1", "Forwarded", "for=1.1.1.1;host=\"x,for=6.6.6.6;y=\"") == "1.1.1.1");
  CHECK(client_of("10.0.0.1", "Forwarded", "for=1.1.1.1;host=\"x;for=6.6.6.6;y\"") == "1.1.1.1");
  CHECK(client_of("10.0.0.1", "Forwarded", "host=\"a\\\",for=6.6.6.6;\";for=1.1.1.1") == "1.1.1.1");
  // A quote that a client left open, and what a trusted proxy wrote behind it.
  CHECK(client_of("10.0.0.1", "Forwarded", "for=\"6.6.6.6, for=1.1.1.1") == "1.1.1.1");
  CHECK(client_of("10.0.0.1", "Forwarded", "for=\"6.6.6.6, for=10.9.9.9") == "10.9.9.9");
}

TEST_CASE("several lines are one list, the last line written last") {
  const std::vector<Cidr> trusted{*Cidr::parse("10.0.0.0/8")};
  FieldList fields;
  fields.add({"X-Forwarded-For", "6.6.6.6, 1.1.1.1", FieldId::x_forwarded_for});
  fields.add({"X-Other", "7.7.7.7", FieldId::other});
  fields.add({"X-Forwarded-For", "10.2.3.4, 10.2.3.5", FieldId::x_forwarded_for});
  CHECK(find_client(fields, *IpAddress::parse("10.0.0.1"), trusted).to_string() == "1.1.1.1");
}

TEST_CASE("a Forwarded element quotes what must be quoted") {
  std::string out;
  append_forwarded_element(out, *IpAddress::parse("2001:db8::1"), "a:80", "http");
  CHECK(out == "for=\"[2001:db8::1]\";host=\"a:80\";proto=http");
}

TEST_CASE("dates are in the form of HTTP") {
  DateField date;
  std::string out;
  date.append_to(out, WallTime(std::chrono::seconds(784111777)));
  date.append_to(out, WallTime(std::chrono::seconds(784111777) + std::chrono::milliseconds(900)));
  CHECK(out == "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
}
