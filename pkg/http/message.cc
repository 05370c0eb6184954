#include "pkg/http/message.hh"

#include <algorithm>
#include <array>

#include "pkg/base/text.hh"
#include "pkg/http/list.hh"

namespace weir::http {
namespace {

struct NamedField {
  std::string_view name;
  FieldId id;
};

constexpr std::array<NamedField, 22> kFields{{{"authorization", FieldId::authorization},
                                              {"connection", FieldId::connection},
                                              {"content-length", FieldId::content_length},
                                              {"cookie", FieldId::cookie},
                                              {"date", FieldId::date},
                                              {"expect", FieldId::expect},
                                              {"forwarded", FieldId::forwarded},
                                              {"host", FieldId::host},
                                              {"keep-alive", FieldId::keep_alive},
                                              {"proxy-connection", FieldId::proxy_connection},
                                              {"referer", FieldId::referer},
                                              {"te", FieldId::te},
                                              {"traceparent", FieldId::traceparent},
                                              {"trailer", FieldId::trailer},
                                              {"transfer-encoding", FieldId::transfer_encoding},
                                              {"upgrade", FieldId::upgrade},
                                              {"user-agent", FieldId::user_agent},
                                              {"x-api-key", FieldId::x_api_key},
                                              {"x-forwarded-for", FieldId::x_forwarded_for},
                                              {"x-forwarded-host", FieldId::x_forwarded_host},
                                              {"x-forwarded-proto", FieldId::x_forwarded_proto},
                                              {"x-request-id", FieldId::x_request_id}}};

constexpr size_t kLongestName = 17;

// For each length, a bit for each entry of kFields that has it: a name is compared with two or three at most.
constexpr auto kByLength = [] {
  std::array<uint32_t, kLongestName + 1> masks{};
  for (size_t i = 0; i < kFields.size(); ++i) masks[kFields[i].name.size()] |= 1u << i;
  return masks;
}();

}  // namespace

Method method_of(std::string_view token) {
  constexpr std::array<std::pair<std::string_view, Method>, 9> kMethods{{{"GET", Method::get},
                                                                         {"POST", Method::post},
                                                                         {"HEAD", Method::head},
                                                                         {"PUT", Method::put},
                                                                         {"DELETE", Method::delete_},
                                                                         {"OPTIONS", Method::options},
                                                                         {"PATCH", Method::patch},
                                                                         {"CONNECT", Method::connect},
                                                                         {"TRACE", Method::trace}}};
  for (const auto& [text, method] : kMethods) {
    if (token == text) return method;
  }
  return Method::other;
}

FieldId field_id(std::string_view name) {
  if (name.size() > kLongestName) return FieldId::other;
  for (uint32_t left = kByLength[name.size()]; left != 0; left &= left - 1) {
    const NamedField& field = kFields[static_cast<size_t>(__builtin_ctz(left))];
    if (ascii_lower(name[0]) == field.name[0] && iequals(name, field.name)) return field.id;
  }
  return FieldId::other;
}

bool is_hop_by_hop(FieldId id) {
  switch (id) {
    case FieldId::connection:
    case FieldId::keep_alive:
    case FieldId::proxy_connection:
    case FieldId::te:
    case FieldId::transfer_encoding:
    case FieldId::upgrade:
      return true;
    default:
      return false;
  }
}

std::optional<std::string_view> FieldList::find(FieldId id) const {
  for (const Field& field : fields_) {
    if (field.id == id) return field.value;
  }
  return std::nullopt;
}

std::optional<std::string_view> FieldList::find(std::string_view name) const {
  for (const Field& field : fields_) {
    if (iequals(field.name, name)) return field.value;
  }
  return std::nullopt;
}

bool may_be_trailer(std::string_view name) {
  constexpr std::array<std::string_view, 3> kDigests{"content-digest", "content-md5", "date"};
  constexpr std::array<std::string_view, 6> kFamilies{"access-control-", "content-", "if-",
                                                      "proxy-",          "sec-",     "x-forwarded-"};
  constexpr std::array<std::string_view, 15> kOthers{
      "age",    "cache-control", "expires", "location",    "max-forwards",
      "origin", "pragma",        "range",   "retry-after", "set-cookie",
      "vary",   "via",           "warning", "x-real-ip",   "www-authenticate"};
  constexpr size_t kLongest = 17;  // of all names and families that are looked for
  std::array<char, kLongest + 1> buffer;
  const size_t length = std::min(name.size(), buffer.size());
  std::ranges::transform(name.substr(0, length), buffer.begin(),
                         [](char c) { return c == '_' ? '-' : ascii_lower(c); });
  const std::string_view plain(buffer.data(), length);
  if (std::ranges::find(kDigests, plain) != kDigests.end()) return true;
  if (field_id(plain) != FieldId::other) return false;
  const auto begins = [plain](std::string_view family) { return plain.starts_with(family); };
  if (std::ranges::any_of(kFamilies, begins)) return false;
  return std::ranges::find(kOthers, plain) == kOthers.end();
}

void split_target(std::string_view text, RequestHead& out) {
  const size_t mark = text.find('?');
  out.path = text.substr(0, mark);
  out.has_query = mark != std::string_view::npos;
  if (out.has_query) out.query = text.substr(mark + 1);
}

void RequestHead::clear() {
  FieldList kept = std::move(fields);
  *this = {};
  kept.clear();
  fields = std::move(kept);
}

void ResponseHead::clear() {
  FieldList kept = std::move(fields);
  *this = {};
  kept.clear();
  fields = std::move(kept);
}

bool is_connection_option(const FieldList& fields, std::string_view name) {
  for (const Field& field : fields) {
    if (field.id != FieldId::connection) continue;
    for (const std::string_view option : ListItems(field.value)) {
      if (iequals(option, name)) return true;
    }
  }
  return false;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 414:
      return "URI Too Long";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

}  // namespace weir::http
