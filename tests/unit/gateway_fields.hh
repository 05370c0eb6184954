// A request's fields, in a line.
#pragma once

#include <initializer_list>
#include <string_view>
#include <utility>

#include "pkg/http/message.hh"

namespace weir::gateway {

inline http::FieldList fields(
    std::initializer_list<std::pair<std::string_view, std::string_view>> named = {}) {
  http::FieldList list;
  for (const auto& [name, value] : named) list.add({name, value, http::field_id(name)});
  return list;
}

}  // namespace weir::gateway
