#include "pkg/base/crc32c.hh"

#include <array>
#include <cstring>

namespace weir {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // 0x1edc6f41, lowest bit first

constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t rest = byte;
    for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1) ^ ((rest & 1) != 0 ? kPolynomial : 0);
    table[byte] = rest;
  }
  return table;
}

constexpr std::array<uint32_t, 256> kTable = make_table();

uint32_t by_table(std::string_view bytes, uint32_t rest) {
  for (const char c : bytes) rest = (rest >> 8) ^ kTable[(rest ^ static_cast<uint8_t>(c)) & 0xff];
  return rest;
}

#if defined(__x86_64__)
// The processor's own instruction, where it has one: some twenty times as fast.
__attribute__((target("sse4.2"))) uint32_t by_instruction(std::string_view bytes, uint32_t rest) {
  uint64_t wide = rest;
  for (; bytes.size() >= sizeof(uint64_t); bytes.remove_prefix(sizeof(uint64_t))) {
    uint64_t word = 0;
    memcpy(&word, bytes.data(), sizeof word);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  rest = static_cast<uint32_t>(wide);
  for (const char c : bytes) rest = __builtin_ia32_crc32qi(rest, static_cast<uint8_t>(c));
  return rest;
}

const bool kHasInstruction = __builtin_cpu_supports("sse4.2") != 0;
#else
constexpr auto by_instruction = by_table;
constexpr bool kHasInstruction = false;
#endif

}  // namespace

uint32_t crc32c(std::string_view bytes, uint32_t before) {
  return ~(kHasInstruction ? by_instruction(bytes, ~before) : by_table(bytes, ~before));
}

}  // namespace weir
