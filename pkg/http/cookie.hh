// Cookies in a request's Cookie fields (RFC 6265 4.2): pairs of name and value, separated by "; ".
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "pkg/http/message.hh"

namespace weir::http {

// The value of the first cookie of that name, or an empty optional.
std::optional<std::string_view> find_cookie(const FieldList& fields, std::string_view name);

// A Cookie field's value in which `change` has had its say on the cookies of one name: given a value, it
// returns the new one, or nothing to take the cookie out. Empty where no cookie is left.
using ChangeCookie = std::function<std::optional<std::string_view>(std::string_view value)>;
std::string change_cookies(std::string_view field_value, std::string_view name, const ChangeCookie& change);

}  // namespace weir::http
