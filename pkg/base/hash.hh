// SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash, so that a client who picks its keys cannot
// pick their places in our tables. Incremental, so that a key of several parts needs no buffer.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

struct HashKey {
  uint64_t k0 = 0;
  uint64_t k1 = 0;
  static HashKey random();  // from the kernel
};

class SipHash {
 public:
  explicit SipHash(HashKey key);
  void update(std::string_view bytes);
  // A part followed by its length, so that ("ab","c") and ("a","bc") differ.
  void update_part(std::string_view part);
  uint64_t finish();

 private:
  void absorb(uint64_t word);
  void rounds(int count);

  uint64_t v0_, v1_, v2_, v3_;
  uint64_t tail_ = 0;    // bytes not yet absorbed, lowest first
  uint64_t length_ = 0;  // all bytes so far
};

uint64_t siphash(HashKey key, std::string_view bytes);

}  // namespace weir
