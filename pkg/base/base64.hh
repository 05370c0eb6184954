// Base64 (RFC 4648 section 4).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir {

// Strictly: padded, no other characters, no bits set that decode to nothing.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace weir
