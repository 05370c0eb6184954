#include "pkg/base/units.hh"

#include <array>
#include <limits>
#include <optional>

#include "pkg/base/text.hh"

namespace weir {
namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr std::array<Unit, 7> kTimeUnits{{{"d", 86'400'000'000'000},
                                          {"h", 3'600'000'000'000},
                                          {"m", 60'000'000'000},
                                          {"s", 1'000'000'000},
                                          {"ms", 1'000'000},
                                          {"us", 1'000},
                                          {"ns", 1}}};

constexpr std::array<Unit, 9> kByteUnits{{{"TiB", uint64_t{1} << 40},
                                          {"GiB", uint64_t{1} << 30},
                                          {"MiB", uint64_t{1} << 20},
                                          {"KiB", uint64_t{1} << 10},
                                          {"GB", 1'000'000'000},
                                          {"MB", 1'000'000},
                                          {"kB", 1'000},
                                          {"B", 1},
                                          {"", 1}}};

// Takes the digits at the front of `text`; nothing where there are none or too many.
std::optional<uint64_t> take_number(std::string_view& text) {
  size_t length = 0;
  while (length < text.size() && is_digit(text[length])) ++length;
  const auto number = parse_uint(text.substr(0, length));
  text.remove_prefix(length);
  return number;
}

bool multiply(uint64_t a, uint64_t b, uint64_t& product) {
  return !__builtin_mul_overflow(a, b, &product);
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  constexpr std::string_view kHelp = "\" is not a duration; write it like \"500ms\", \"30s\" or \"1h30m\"";
  const auto bad = [&] { return fail(Errc::invalid, "\"" + std::string(text) + std::string(kHelp)); };
  if (text == "0") return Duration{0};
  std::string_view rest = text;
  uint64_t total = 0;
  size_t next_unit = 0;  // each unit at most once, the largest first
  while (!rest.empty()) {
    const auto number = take_number(rest);
    size_t letters = 0;
    while (letters < rest.size() && !is_digit(rest[letters])) ++letters;
    const std::string_view name = rest.substr(0, letters);
    rest.remove_prefix(letters);
    while (next_unit < kTimeUnits.size() && kTimeUnits[next_unit].name != name) ++next_unit;
    uint64_t part = 0;
    if (!number || next_unit == kTimeUnits.size() ||
        !multiply(*number, kTimeUnits[next_unit++].factor, part) ||
        __builtin_add_overflow(total, part, &total) || total > std::numeric_limits<int64_t>::max()) {
      return bad();
    }
  }
  if (text.empty()) return bad();
  return Duration{static_cast<int64_t>(total)};
}

std::string format_duration(Duration duration) {
  auto rest = static_cast<uint64_t>(duration.count());
  if (rest == 0) return "0s";
  std::string out;
  for (const Unit& unit : kTimeUnits) {
    if (rest < unit.factor) continue;
    append_uint(out, rest / unit.factor);
    out += unit.name;
    rest %= unit.factor;
  }
  return out;
}

Result<Bytes> parse_bytes(std::string_view text) {
  std::string_view rest = text;
  const auto number = take_number(rest);
  for (const Unit& unit : kByteUnits) {
    uint64_t count = 0;
    if (number && rest == unit.name && multiply(*number, unit.factor, count)) return Bytes{count};
  }
  return fail(Errc::invalid,
              "\"" + std::string(text) + "\" is not a size; write it like \"4096\", \"64KiB\" or \"10MiB\"");
}

std::string format_bytes(Bytes bytes) {
  std::string out;
  for (const Unit& unit : kByteUnits) {
    const bool binary = unit.name.ends_with("iB");
    if (!binary || bytes.count == 0 || bytes.count % unit.factor != 0) continue;
    append_uint(out, bytes.count / unit.factor);
    return out += unit.name;
  }
  append_uint(out, bytes.count);
  return out;
}

}  // namespace weir
