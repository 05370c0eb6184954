// A cursor over big-endian bytes that never reads past their end: what is not there is nullopt.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::transport {

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  bool is_empty() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }

  std::optional<std::string_view> take(size_t count) {
    if (count > rest_.size()) return std::nullopt;
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  // A number of `size` bytes, at most four.
  std::optional<uint32_t> take_uint(unsigned size) {
    const auto bytes = take(size);
    if (!bytes) return std::nullopt;
    uint32_t value = 0;
    for (const char c : *bytes) value = value << 8 | static_cast<uint8_t>(c);
    return value;
  }
  // Bytes with their count, of `size` bytes, in front.
  std::optional<std::string_view> take_counted(unsigned size) {
    const auto count = take_uint(size);
    if (!count) return std::nullopt;
    return take(*count);
  }

 private:
  std::string_view rest_;
};

}  // namespace weir::transport
