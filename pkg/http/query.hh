// The parts of a target that carry values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::http {

// "%41" becomes "A"; a "%" without two digits behind it stays.
std::string percent_decoded(std::string_view text);

// As a query's value or one segment of a path; as several segments where slashes are kept.
std::string percent_encoded(std::string_view text, bool keeps_slashes = false);

// The first value of that name in "a=1&b=2", decoded, "+" as a blank; nothing where the name is not there.
std::optional<std::string> query_value(std::string_view query, std::string_view name);

}  // namespace weir::http
