// CRC32C (Castagnoli; RFC 3720 B.4): what PROXY protocol headers and journal records are checked by.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

// Of `bytes`; or of what gave `before`, followed by `bytes`.
uint32_t crc32c(std::string_view bytes, uint32_t before = 0);

}  // namespace weir
