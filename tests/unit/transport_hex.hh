// Bytes written as hexadecimal, for captures from the wire.
#pragma once

#include <string>
#include <string_view>

#include "pkg/base/text.hh"

inline std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (size_t at = 0; at + 1 < hex.size(); at += 2) {
    bytes += static_cast<char>(*weir::parse_hex(hex.substr(at, 2)));
  }
  return bytes;
}
