// Numbers and texts as bytes, little-endian, a text behind its length: for what one process of ours writes
// and another one reads. A reader never reads past its end: what is not there is zero or empty, and is_good()
// then is false.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

class WireWriter {
 public:
  explicit WireWriter(std::string& out) : out_(out) {}

  WireWriter& u8(uint8_t value) { return number(value, 1); }
  WireWriter& u32(uint32_t value) { return number(value, 4); }
  WireWriter& u64(uint64_t value) { return number(value, 8); }
  WireWriter& text(std::string_view bytes) {
    u32(static_cast<uint32_t>(bytes.size()));
    out_ += bytes;
    return *this;
  }

 private:
  WireWriter& number(uint64_t value, size_t bytes) {
    char lowest_first[8];
    for (int i = 0; i < 8; ++i) lowest_first[i] = static_cast<char>(value >> (8 * i));
    out_.append(lowest_first, bytes);
    return *this;
  }
  std::string& out_;
};

class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  uint8_t u8() { return static_cast<uint8_t>(number(1)); }
  uint32_t u32() { return static_cast<uint32_t>(number(4)); }
  uint64_t u64() { return number(8); }
  std::string_view text() { return take(u32()); }
  std::string_view take(size_t size) {
    if (size > rest_.size()) {
      is_good_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::string_view rest() const { return rest_; }
  bool is_good() const { return is_good_; }
  // Everything was there, and nothing is left.
  bool is_whole() const { return is_good_ && rest_.empty(); }

 private:
  uint64_t number(size_t bytes) {
    const std::string_view taken = take(bytes);
    uint64_t value = 0;
    for (size_t i = 0; i < taken.size(); ++i) value |= uint64_t{static_cast<uint8_t>(taken[i])} << (8 * i);
    return value;
  }

  std::string_view rest_;
  bool is_good_ = true;
};

}  // namespace weir
