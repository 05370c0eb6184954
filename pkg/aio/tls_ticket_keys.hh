// The keys that session tickets are sealed with (RFC 5077). All threads and all contexts, also those made by
// a reload, share one object, so that a session resumes wherever its client comes back to; exported, they
// outlive the process in an upgrade of the binary. Whoever has them can read old connections: they are
// renewed by themselves, forgotten after a day, and must never be logged.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "pkg/base/result.hh"

namespace weir::aio {

struct TicketKey {
  std::array<unsigned char, 16> name{};
  std::array<unsigned char, 32> cipher_key{};
  std::array<unsigned char, 32> mac_key{};
  int64_t made_at = 0;  // seconds since 1970
  bool operator==(const TicketKey&) const = default;
};

class TicketKeys {
 public:
  using Clock = std::chrono::system_clock;
  static constexpr size_t kKept = 3;
  static constexpr std::chrono::hours kPeriod{8};  // then a new key seals; the last three open

  explicit TicketKeys(Clock::time_point now = Clock::now());
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  void rotate(Clock::time_point now = Clock::now());

  // The newest key, made anew when its period has passed.
  TicketKey sealing_key(Clock::time_point now = Clock::now());
  struct Found {
    TicketKey key;
    bool newest;
  };
  std::optional<Found> find(std::string_view name, Clock::time_point now = Clock::now()) const;

  std::string export_bytes() const;
  static Result<std::shared_ptr<TicketKeys>> import_bytes(std::string_view bytes);

 private:
  void rotate_locked(Clock::time_point now);

  mutable std::mutex mutex_;
  std::array<TicketKey, kKept> keys_{};  // newest first; guarded by mutex_
  size_t count_ = 0;
};

}  // namespace weir::aio
