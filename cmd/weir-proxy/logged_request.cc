#include "cmd/weir-proxy/logged_request.hh"

#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "pkg/base/text.hh"

namespace weir::proxy {
namespace {

using Json = nlohmann::json;

// Takes exactly `digits` digits from the front of `text`, then `separator` where one is asked for.
std::optional<int> take_digits(std::string_view& text, size_t digits, char separator) {
  if (text.size() < digits + (separator != '\0' ? 1 : 0)) return std::nullopt;
  const auto number = parse_uint(text.substr(0, digits));
  text.remove_prefix(digits);
  if (!number) return std::nullopt;
  if (separator != '\0') {
    if (text.front() != separator) return std::nullopt;
    text.remove_prefix(1);
  }
  return static_cast<int>(*number);
}

std::optional<WallTime> make_time(int year, unsigned month, unsigned day, std::chrono::seconds in_day) {
  using namespace std::chrono;
  const year_month_day date{std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
  // The clock counts nanoseconds in 64 bits: it ends in 2262.
  if (!date.ok() || year < 1970 || year > 2261) return std::nullopt;
  return sys_days(date) + in_day;
}

// "2026-11-24T01:51:15.042Z" (RFC 3339, UTC).
std::optional<WallTime> parse_rfc3339(std::string_view text) {
  const auto year = take_digits(text, 4, '-');
  const auto month = take_digits(text, 2, '-');
  const auto day = take_digits(text, 2, 'T');
  const auto hour = take_digits(text, 2, ':');
  const auto minute = take_digits(text, 2, ':');
  const auto second = take_digits(text, 2, '\0');
  if (!year || !month || !day || !hour || !minute || !second || !text.ends_with('Z')) return std::nullopt;
  text.remove_suffix(1);
  std::chrono::nanoseconds fraction{0};
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    int64_t scale = 100'000'000;
    for (const char c : text.substr(0, 9)) {
      if (!is_digit(c)) return std::nullopt;
      fraction += std::chrono::nanoseconds((c - '0') * scale);
      scale /= 10;
    }
  }
  const auto time = make_time(*year, static_cast<unsigned>(*month), static_cast<unsigned>(*day),
                              std::chrono::seconds(*hour * 3600 + *minute * 60 + *second));
  if (!time) return std::nullopt;
  return *time + fraction;
}

// "17/May/2015:10:05:03 +0000".
std::optional<WallTime> parse_log_time(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = take_digits(text, 2, '/');
  const auto name = text.substr(0, 3);
  const auto month = std::ranges::find(kMonths, name) - kMonths.begin();
  if (!day || month == 12 || text.size() < 4 || text[3] != '/') return std::nullopt;
  text.remove_prefix(4);
  const auto year = take_digits(text, 4, ':');
  const auto hour = take_digits(text, 2, ':');
  const auto minute = take_digits(text, 2, ':');
  const auto second = take_digits(text, 2, ' ');
  if (!year || !hour || !minute || !second || text.size() != 5) return std::nullopt;
  const bool east = text.front() == '+';
  if (!east && text.front() != '-') return std::nullopt;
  text.remove_prefix(1);
  const auto zone_hours = take_digits(text, 2, '\0');
  const auto zone_minutes = take_digits(text, 2, '\0');
  if (!zone_hours || !zone_minutes) return std::nullopt;
  const auto time = make_time(*year, static_cast<unsigned>(month) + 1, static_cast<unsigned>(*day),
                              std::chrono::seconds(*hour * 3600 + *minute * 60 + *second));
  if (!time) return std::nullopt;
  const auto offset = std::chrono::minutes(*zone_hours * 60 + *zone_minutes);
  return east ? *time - offset : *time + offset;
}

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Result<LoggedRequest> parse_event(std::string_view line) {
  const Json event = Json::parse(line, nullptr, false);
  if (!event.is_object()) return fail(Errc::invalid, "not a JSON object");
  if (text_of(event, "event") != "access") return fail(Errc::not_found, "not an access event");
  LoggedRequest request;
  request.method = text_of(event, "method");
  request.host = text_of(event, "host");
  request.path = text_of(event, "path");
  if (request.method.empty() || request.path.empty())
    return fail(Errc::not_found, "a request without a path");
  const auto time = parse_rfc3339(text_of(event, "time"));
  if (!time) return fail(Errc::invalid, "\"time\" is not an RFC 3339 time in UTC");
  request.time = *time;
  // Clients on a Unix socket have no address; they share one, as they do in the proxy.
  if (const std::string client = text_of(event, "client"); client != "unix:") {
    const auto ip = IpAddress::parse(client);
    if (!ip) return fail(Errc::invalid, "\"client\" is not an IP address");
    request.client = *ip;
  }
  if (const auto headers = event.find("headers"); headers != event.end() && headers->is_object()) {
    for (const auto& [name, value] : headers->items()) {
      if (value.is_string()) request.headers[to_lower(name)] = value.get<std::string>();
    }
  }
  return request;
}

// What stands between the next pair of quotes; moves `rest` behind it. Servers escape quotes inside with "\".
std::optional<std::string_view> take_quoted(std::string_view& rest) {
  const size_t open = rest.find('"');
  if (open == std::string_view::npos) return std::nullopt;
  size_t close = open + 1;
  while (close < rest.size() && rest[close] != '"') close += rest[close] == '\\' ? 2 : 1;
  if (close >= rest.size()) return std::nullopt;
  const std::string_view inside = rest.substr(open + 1, close - open - 1);
  rest.remove_prefix(close + 1);
  return inside;
}

// host ident user [time] "METHOD /path?query HTTP/1.1" status bytes "referer" "user agent"
Result<LoggedRequest> parse_combined(std::string_view line) {
  const auto bad = [](const char* what) {
    return fail(Errc::invalid, std::string("no ") + what + " in a log line");
  };
  LoggedRequest request;
  const auto client = IpAddress::parse(line.substr(0, line.find(' ')));
  if (!client) return bad("client address");
  request.client = *client;
  const size_t open = line.find('[');
  const size_t close = line.find(']', open);
  if (close == std::string_view::npos) return bad("time");
  const auto time = parse_log_time(line.substr(open + 1, close - open - 1));
  if (!time) return bad("time such as [17/May/2015:10:05:03 +0000]");
  request.time = *time;
  std::string_view rest = line.substr(close + 1);
  const auto request_line = take_quoted(rest);
  if (!request_line) return bad("request line");
  const auto words = split(*request_line, ' ');
  if (words.size() != 3 || words[0].empty() || words[1].empty() || words[1].starts_with('?'))
    return fail(Errc::not_found, "a request that was never understood");
  request.method = words[0];
  request.path = words[1].substr(0, words[1].find('?'));
  const auto referer = take_quoted(rest);
  const auto user_agent = take_quoted(rest);
  if (referer && *referer != "-") request.headers["referer"] = *referer;
  if (user_agent && *user_agent != "-") request.headers["user-agent"] = *user_agent;
  return request;
}

}  // namespace

Result<LoggedRequest> parse_logged_request(std::string_view line) {
  return line.starts_with('{') ? parse_event(line) : parse_combined(line);
}

}  // namespace weir::proxy
