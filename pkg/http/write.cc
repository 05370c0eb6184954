#include "pkg/http/write.hh"

#include <array>
#include <charconv>

#include "pkg/http/message.hh"

namespace weir::http {
namespace {

void append_two_digits(std::string& out, int64_t value) {
  out += static_cast<char>('0' + value / 10);
  out += static_cast<char>('0' + value % 10);
}

}  // namespace

void append_status_line(std::string& out, int status, std::string_view reason) {
  out += "HTTP/1.1 ";
  append_uint(out, static_cast<uint64_t>(status));
  out += ' ';
  out += reason.empty() ? reason_phrase(status) : reason;
  out += "\r\n";
}

void append_chunk_size(std::string& out, uint64_t size) {
  std::array<char, 16> digits;
  const auto [end, error] = std::to_chars(digits.begin(), digits.end(), size, 16);
  out.append(digits.begin(), end);
  out += "\r\n";
}

void DateField::append_to(std::string& out, WallTime now) {
  using namespace std::chrono;
  constexpr std::array<std::string_view, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto second = floor<seconds>(now);
  if (second.time_since_epoch().count() != second_) {
    second_ = second.time_since_epoch().count();
    const auto day = floor<days>(second);
    const year_month_day date(day);
    const hh_mm_ss clock(second - day);
    line_ = "Date: ";
    line_ += kDays[weekday(day).c_encoding()];
    line_ += ", ";
    append_two_digits(line_, static_cast<unsigned>(date.day()));
    line_ += ' ';
    line_ += kMonths[static_cast<unsigned>(date.month()) - 1];
    line_ += ' ';
    append_uint(line_, static_cast<uint64_t>(static_cast<int>(date.year())));
    line_ += ' ';
    append_two_digits(line_, clock.hours().count());
    line_ += ':';
    append_two_digits(line_, clock.minutes().count());
    line_ += ':';
    append_two_digits(line_, clock.seconds().count());
    line_ += " GMT\r\n";
  }
  out += line_;
}

}  // namespace weir::http
