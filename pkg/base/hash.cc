#include "pkg/base/hash.hh"

#include <bit>
#include <cstring>

#include "pkg/base/random.hh"

namespace weir {

static_assert(std::endian::native == std::endian::little, "SipHash reads words lowest byte first");

HashKey HashKey::random() {
  HashKey key;
  fill_secure_random({reinterpret_cast<uint8_t*>(&key), sizeof key});
  return key;
}

SipHash::SipHash(HashKey key)
    : v0_(key.k0 ^ 0x736f6d6570736575),
      v1_(key.k1 ^ 0x646f72616e646f6d),
      v2_(key.k0 ^ 0x6c7967656e657261),
      v3_(key.k1 ^ 0x7465646279746573) {}

void SipHash::rounds(int count) {
  while (count-- > 0) {
    v0_ += v1_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v3_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ += v3_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ += v1_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v2_ = std::rotl(v2_, 32);
  }
}

void SipHash::absorb(uint64_t word) {
  v3_ ^= word;
  rounds(2);
  v0_ ^= word;
}

void SipHash::update(std::string_view bytes) {
  size_t i = 0;
  while (length_ % 8 != 0 && i < bytes.size()) {
    tail_ |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[i++])) << (8 * (length_++ % 8));
    if (length_ % 8 == 0) {
      absorb(tail_);
      tail_ = 0;
    }
  }
  for (; i + 8 <= bytes.size(); i += 8, length_ += 8) {
    uint64_t word = 0;
    memcpy(&word, bytes.data() + i, 8);
    absorb(word);
  }
  for (; i < bytes.size(); ++i, ++length_) {
    tail_ |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[i])) << (8 * (length_ % 8));
  }
}

void SipHash::update_part(std::string_view part) {
  const uint64_t size = part.size();
  update(part);
  update({reinterpret_cast<const char*>(&size), sizeof size});
}

uint64_t SipHash::finish() {
  absorb(tail_ | (length_ << 56));
  v2_ ^= 0xff;
  rounds(4);
  return v0_ ^ v1_ ^ v2_ ^ v3_;
}

uint64_t siphash(HashKey key, std::string_view bytes) {
  SipHash hash(key);
  hash.update(bytes);
  return hash.finish();
}

}  // namespace weir
