#include "pkg/http/cookie.hh"

#include "pkg/base/text.hh"

namespace weir::http {
namespace {

// Calls `use` with each pair until it returns true.
template <typename Use>
bool each_pair(std::string_view value, Use use) {
  while (!value.empty()) {
    const size_t end = value.find(';');
    if (use(trim(value.substr(0, end)))) return true;
    value = end == std::string_view::npos ? std::string_view() : value.substr(end + 1);
  }
  return false;
}

bool is_named(std::string_view pair, std::string_view name) {
  return pair.starts_with(name) && pair.find('=') == name.size();
}

}  // namespace

std::optional<std::string_view> find_cookie(const FieldList& fields, std::string_view name) {
  std::optional<std::string_view> found;
  for (const Field& field : fields) {
    if (field.id != FieldId::cookie) continue;
    const bool is_found = each_pair(field.value, [&](std::string_view pair) {
      if (!is_named(pair, name)) return false;
      found = pair.substr(name.size() + 1);
      return true;
    });
    if (is_found) break;
  }
  return found;
}

std::string change_cookies(std::string_view field_value, std::string_view name, const ChangeCookie& change) {
  std::string out;
  each_pair(field_value, [&](std::string_view pair) {
    std::optional<std::string_view> value;
    const bool is_its = is_named(pair, name);
    if (is_its) value = change(pair.substr(name.size() + 1));
    if (pair.empty() || (is_its && !value)) return false;
    if (!out.empty()) out += "; ";
    out += is_its ? name : pair;
    if (is_its) {
      out += '=';
      out += *value;
    }
    return false;
  });
  return out;
}

}  // namespace weir::http
