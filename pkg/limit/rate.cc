#include "pkg/limit/rate.hh"

#include <array>

#include "pkg/base/text.hh"

namespace weir::limit {
namespace {

using namespace std::chrono_literals;

struct Word {
  std::string_view text;
  std::string_view letter;
  Duration period;
};
constexpr std::array<Word, 4> kWords{
    {{"second", "s", 1s}, {"minute", "m", 1min}, {"hour", "h", 1h}, {"day", "d", 24h}}};

std::optional<Duration> parse_period(std::string_view text) {
  for (const Word& word : kWords) {
    if (text == word.text || text == word.letter) return word.period;
  }
  const auto duration = parse_duration(text);
  return duration ? std::optional(*duration) : std::nullopt;
}

}  // namespace

Result<Rate> Rate::parse(std::string_view text) {
  const size_t slash = text.find('/');
  const auto count = parse_uint(text.substr(0, slash));
  const auto period = slash == std::string_view::npos ? std::nullopt : parse_period(text.substr(slash + 1));
  if (!count || !period) {
    return fail(Errc::invalid, "\"" + std::string(text) +
                                   "\" is not a rate; write it like \"100/minute\", \"10/s\" or \"1/10s\"");
  }
  if (*count == 0 || *count > kMostCount || *period <= 0ns || *period > 366 * 24h) {
    return fail(Errc::invalid, "the rate \"" + std::string(text) +
                                   "\" is out of range: 1 to 1000000000 in at most 366 days");
  }
  return Rate{*count, *period};
}

std::string Rate::to_string() const {
  std::string out = std::to_string(count) + "/";
  for (const Word& word : kWords) {
    if (period == word.period) return out.append(word.text);
  }
  return out + format_duration(period);
}

}  // namespace weir::limit
