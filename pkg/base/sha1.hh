// SHA-1 (FIPS 180-4), for protocols that name things by it. It is no protection against someone who chooses
// both of two texts.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

std::array<uint8_t, 20> sha1(std::string_view bytes);
std::string sha1_hex(std::string_view bytes);  // lower case

}  // namespace weir
