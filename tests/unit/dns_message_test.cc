#include "pkg/dns/message.hh"

#include <catch2/catch.hpp>

#include "tests/unit/dns_server.hh"

using namespace weir;
using namespace weir::dns;
using test::number16;
using test::wire_name;

namespace {

std::string header(unsigned questions, unsigned answers) {
  return number16(7) + number16(0x8180) + number16(questions) + number16(answers) + number16(0) + number16(0);
}

std::string record(std::string_view owner, unsigned type, uint32_t ttl, std::string_view data) {
  return std::string(owner) + number16(type) + number16(1) + number16(ttl >> 16) + number16(ttl & 0xffff) +
         number16(static_cast<unsigned>(data.size())) + std::string(data);
}

std::string service_data(std::string_view target) {
  return number16(1) + number16(2) + number16(3) + std::string(target);
}

Result<ServiceRecords> parse(std::string_view message) {
  return parse_services({reinterpret_cast<const uint8_t*>(message.data()), message.size()});
}

const std::string kQuestion = wire_name("_a._tcp.test") + number16(33) + number16(1);  // at offset 12

}  // namespace

TEST_CASE("service records are read, compressed names too, with the smallest lifetime") {
  const std::string alias = record("\xc0\x0c", 5, 40, wire_name("b.test"));
  const std::string plain = record(wire_name("b.test"), 33, 50, service_data(wire_name("Host.Test")));
  // "x" and then the end of the question's name: 12 is "_a", 15 is "_tcp", 20 is "test".
  const std::string packed = record("\xc0\x0c", 33, 60, service_data("\x01x\xc0\x14"));
  const auto found = parse(header(1, 3) + kQuestion + alias + plain + packed);
  REQUIRE(found);
  REQUIRE(found->records.size() == 2);
  CHECK(found->ttl == 40);
  CHECK(found->records[0].target == "host.test");
  CHECK(found->records[0].priority == 1);
  CHECK(found->records[0].weight == 2);
  CHECK(found->records[0].port == 3);
  CHECK(found->records[1].target == "x.test");
}

TEST_CASE("a lifetime with its highest bit set is none") {
  const auto found =
      parse(header(0, 1) + record(wire_name("a"), 33, 0x80000001, service_data(wire_name("b"))));
  REQUIRE(found);
  CHECK(found->ttl == 0);
}

TEST_CASE("an answer without services has no records") {
  const auto found = parse(header(1, 0) + kQuestion);
  REQUIRE(found);
  CHECK(found->records.empty());
}

TEST_CASE("what is cut off anywhere, or does not fit, is refused") {
  const std::string whole =
      header(1, 1) + kQuestion + record("\xc0\x0c", 33, 60, service_data(wire_name("b.test")));
  REQUIRE(parse(whole));
  for (size_t size = 0; size < whole.size(); ++size) {
    INFO(size);
    CHECK_FALSE(parse(std::string_view(whole).substr(0, size)));
  }
  const std::string bad_names[] = {
      std::string("\xc0\x30", 2),  // a pointer to itself
      std::string("\xc1\xff", 2),  // far beyond
      std::string("\x40"
                  "ab",
                  3) +
          '\0',  // a reserved kind of label
      wire_name("a b.test"),
      wire_name("a/b"),
  };
  for (const std::string& name : bad_names) {
    CHECK_FALSE(parse(header(1, 1) + kQuestion + record("\xc0\x0c", 33, 60, service_data(name))));
  }
  CHECK_FALSE(
      parse(header(1, 1) + kQuestion + record("\xc0\x0c", 33, 60, service_data(wire_name("b")) + "x")));
  std::string longest;
  for (int i = 0; i < 200; ++i) longest += "\x01x";
  CHECK_FALSE(parse(header(1, 1) + kQuestion + record("\xc0\x0c", 33, 60, service_data(longest + '\0'))));
}
