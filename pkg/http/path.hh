// One form of a path for routing, limits and the upstream alike, so that none of them can be talked past.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::http {

// Normalises the path of a request target (RFC 3986 6.2.2):
//   - percent-encoded unreserved characters are decoded, other encodings get upper-case digits;
//   - dot segments are removed ("/a/./b/../c" is "/a/c"), slashes in a row become one.
// Nothing is returned (answer 400) for what servers are known to understand differently:
//   - "%" without two hexadecimal digits; encoded slash, backslash, NUL or other control characters;
//   - a UTF-8 sequence that is longer than it must be ("%C0%AE" is a dot to some);
//   - ".." above the root; a dot segment with parameters ("/..;x", "/..%3Bx");
//   - a path that does not begin with "/"; a raw space, control character, backslash, "?", "#" or byte beyond
//     ASCII.
// Decoding happens once: "%252e" stays as it is, and a server that decodes twice is on its own.
// `storage` is used, and the result points into it, only when something had to be changed.
std::optional<std::string_view> normalise_path(std::string_view path, std::string& storage);

}  // namespace weir::http
