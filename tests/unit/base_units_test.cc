#include <catch2/catch.hpp>
#include <limits>

#include "pkg/base/random.hh"
#include "pkg/base/units.hh"

using namespace weir;
using namespace std::chrono_literals;

TEST_CASE("durations are numbers with units, the largest first") {
  struct Row {
    std::string text;
    Duration duration;
    std::string formatted;
  };
  const auto row =
      GENERATE(values<Row>({{"0", 0s, "0s"},
                            {"0s", 0s, "0s"},
                            {"1ns", 1ns, "1ns"},
                            {"10us", 10us, "10us"},
                            {"250ms", 250ms, "250ms"},
                            {"1500ms", 1500ms, "1s500ms"},
                            {"90s", 90s, "1m30s"},
                            {"5m", 5min, "5m"},
                            {"1h30m", 90min, "1h30m"},
                            {"7d", 168h, "7d"},
                            {"1d2h3m4s5ms6us7ns", 26h + 3min + 4s + 5ms + 6us + 7ns, "1d2h3m4s5ms6us7ns"},
                            {"9223372036854775807ns", Duration::max(), "106751d23h47m16s854ms775us807ns"}}));
  INFO(row.text);
  const auto parsed = parse_duration(row.text);
  REQUIRE(parsed);
  CHECK(*parsed == row.duration);
  CHECK(format_duration(*parsed) == row.formatted);
}

TEST_CASE("what is no duration is refused") {
  const std::string text = GENERATE(values<std::string>({"",
                                                         "1",
                                                         "00",
                                                         "s",
                                                         "ms",
                                                         "-1s",
                                                         "+1s",
                                                         " 1s",
                                                         "1s ",
                                                         "1 s",
                                                         "1.5s",
                                                         "1S",
                                                         "1sec",
                                                         "1w",
                                                         "1s1s",
                                                         "1ms1s",
                                                         "30m1h",
                                                         "1s30",
                                                         "1h-30m",
                                                         "9223372036854775808ns",
                                                         "106752d",
                                                         "18446744073709551616ns",
                                                         "106751d23h47m17s",
                                                         "99999999999999999999d"}));
  INFO(text);
  const auto parsed = parse_duration(text);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().code == Errc::invalid);
  CHECK(parsed.error().message ==
        "\"" + text + "\" is not a duration; write it like \"500ms\", \"30s\" or \"1h30m\"");
}

TEST_CASE("every duration is read back as it was written") {
  const uint64_t seed = Random().next();
  INFO("seed = " << seed);
  Random random(seed);
  for (int i = 0; i < 1000; ++i) {
    const Duration duration{static_cast<int64_t>(random.next() >> (1 + random.below(63)))};
    INFO(duration.count());
    const auto parsed = parse_duration(format_duration(duration));
    REQUIRE(parsed);
    REQUIRE(*parsed == duration);
  }
}

TEST_CASE("sizes are bytes, or units of powers of 1024 or 1000") {
  struct Row {
    std::string text;
    uint64_t count;
    std::string formatted;
  };
  const auto row = GENERATE(values<Row>({{"0", 0, "0"},
                                         {"512", 512, "512"},
                                         {"512B", 512, "512"},
                                         {"1023", 1023, "1023"},
                                         {"1024", 1024, "1KiB"},
                                         {"1025", 1025, "1025"},
                                         {"64KiB", 65536, "64KiB"},
                                         {"1024KiB", 1 << 20, "1MiB"},
                                         {"1536KiB", 1536 * 1024, "1536KiB"},
                                         {"2GiB", uint64_t{2} << 30, "2GiB"},
                                         {"1TiB", uint64_t{1} << 40, "1TiB"},
                                         {"1kB", 1000, "1000"},
                                         {"10MB", 10'000'000, "10000000"},
                                         {"1GB", 1'000'000'000, "1000000000"},
                                         {"128GB", 128'000'000'000, "125000000KiB"},
                                         {"16777215TiB", uint64_t{16777215} << 40, "16777215TiB"},
                                         {"18446744073709551615", ~uint64_t{0}, "18446744073709551615"}}));
  INFO(row.text);
  const auto parsed = parse_bytes(row.text);
  REQUIRE(parsed);
  CHECK(parsed->count == row.count);
  CHECK(format_bytes(*parsed) == row.formatted);
}

TEST_CASE("what is no size is refused") {
  const std::string text =
      GENERATE(values<std::string>({"", "B", "KiB", "-1", "+1", "1.5MiB", "1 MiB", " 1", "1 ", "1KB", "1kib",
                                    "1K", "1M", "1PiB", "1KiB1", "16777216TiB", "18446744073709551616"}));
  INFO(text);
  const auto parsed = parse_bytes(text);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().code == Errc::invalid);
  CHECK(parsed.error().message ==
        "\"" + text + "\" is not a size; write it like \"4096\", \"64KiB\" or \"10MiB\"");
}

TEST_CASE("every size is read back as it was written") {
  const uint64_t seed = Random().next();
  INFO("seed = " << seed);
  Random random(seed);
  for (int i = 0; i < 1000; ++i) {
    const Bytes bytes{(random.next() >> random.below(64)) << random.below(20)};
    const auto parsed = parse_bytes(format_bytes(bytes));
    REQUIRE(parsed);
    REQUIRE(*parsed == bytes);
  }
}
