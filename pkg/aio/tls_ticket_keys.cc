#include "pkg/aio/tls_ticket_keys.hh"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace weir::aio {
namespace {

constexpr std::string_view kMagic = "weir-ticket-keys 1\n";
constexpr size_t kKeyBytes = 16 + 32 + 32 + 8;

int64_t seconds(TicketKeys::Clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

void fill_random(std::span<unsigned char> bytes) {
  // OpenSSL fails here only where the kernel gives no randomness: no key of any kind can be made then.
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) abort();
}

template <size_t N>
void append(std::string& out, const std::array<unsigned char, N>& bytes) {
  out.append(reinterpret_cast<const char*>(bytes.data()), N);
}

template <size_t N>
void take(std::string_view& in, std::array<unsigned char, N>& bytes) {
  memcpy(bytes.data(), in.data(), N);
  in.remove_prefix(N);
}

}  // namespace

TicketKeys::TicketKeys(Clock::time_point now) {
  rotate_locked(now);
}

TicketKeys::~TicketKeys() {
  OPENSSL_cleanse(keys_.data(), sizeof keys_);
}

void TicketKeys::rotate_locked(Clock::time_point now) {
  std::ranges::copy_backward(std::span(keys_).first(kKept - 1), keys_.end());
  count_ = std::min(count_ + 1, kKept);
  TicketKey& key = keys_.front();
  fill_random(key.name);
  fill_random(key.cipher_key);
  fill_random(key.mac_key);
  key.made_at = seconds(now);
}

void TicketKeys::rotate(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  rotate_locked(now);
}

TicketKey TicketKeys::sealing_key(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (seconds(now) - keys_.front().made_at >= std::chrono::seconds(kPeriod).count()) rotate_locked(now);
  return keys_.front();
}

std::optional<TicketKeys::Found> TicketKeys::find(std::string_view name, Clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  const int64_t oldest = seconds(now) - std::chrono::seconds(kPeriod * kKept).count();
  for (size_t i = 0; i < count_; ++i) {
    const TicketKey& key = keys_[i];
    if (name.size() != key.name.size() || memcmp(name.data(), key.name.data(), name.size()) != 0) continue;
    if (key.made_at <= oldest) return std::nullopt;
    return Found{key, i == 0};
  }
  return std::nullopt;
}

std::string TicketKeys::export_bytes() const {
  const std::lock_guard lock(mutex_);
  std::string out(kMagic);
  for (const TicketKey& key : std::span(keys_).first(count_)) {
    append(out, key.name);
    append(out, key.cipher_key);
    append(out, key.mac_key);
    for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>(key.made_at >> shift);
  }
  return out;
}

Result<std::shared_ptr<TicketKeys>> TicketKeys::import_bytes(std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) return fail(Errc::invalid, "ticket keys: not in a form known here");
  bytes.remove_prefix(kMagic.size());
  const size_t count = bytes.size() / kKeyBytes;
  if (bytes.size() % kKeyBytes != 0 || count == 0 || count > kKept) {
    return fail(Errc::invalid, "ticket keys: cut off or too many");
  }
  auto keys = std::make_shared<TicketKeys>();
  keys->count_ = count;
  for (TicketKey& key : std::span(keys->keys_).first(count)) {
    take(bytes, key.name);
    take(bytes, key.cipher_key);
    take(bytes, key.mac_key);
    uint64_t made_at = 0;
    for (int i = 7; i >= 0; --i)
      made_at = made_at << 8 | static_cast<unsigned char>(bytes[static_cast<size_t>(i)]);
    key.made_at = static_cast<int64_t>(made_at);
    bytes.remove_prefix(8);
  }
  return keys;
}

}  // namespace weir::aio
