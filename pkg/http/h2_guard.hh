// What stands between the socket and nghttp2: it looks at each frame's first bytes before the decoder sees
// the frame. It enforces what RFC 9113 demands and nghttp2 1.52 lets pass (frames on streams that are over),
// counts what that version cannot count (CONTINUATION), and keeps the budget that floods use up.
//
// The budget: each connection has kBudget points, which come back by kPointsPerSecond, and by kEarned for
// each exchange that ended well. What costs the client nothing and us something takes points; a client that
// works never notices, one that floods is told ENHANCE_YOUR_CALM. Pure: time comes in as an argument.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::http {

// An error of the connection (RFC 9113 5.4.1).
struct H2Fault {
  uint32_t code = 0;
  std::string_view reason;
};

class H2Budget {
 public:
  static constexpr int64_t kBudget = 1000;
  static constexpr int64_t kPointsPerSecond = 50;
  static constexpr int64_t kEarned = 3;

  // What things cost. A browser that leaves a page cancels a hundred requests at most.
  static constexpr int64_t kControlFrame = 1;  // PING, PRIORITY, WINDOW_UPDATE, unknown ones, empty DATA
  static constexpr int64_t kSettings = 5;
  static constexpr int64_t kContinuation = 2;
  static constexpr int64_t kRefused = 5;  // a stream beyond the limit
  static constexpr int64_t kReset = 10;   // by the client, or by us for what the client did

  // False when it is used up.
  bool spend(int64_t points, uint64_t now_ms);
  void earn(int64_t points) { points_ = points_ + points < kBudget ? points_ + points : kBudget; }

 private:
  int64_t points_ = kBudget;
  uint64_t filled_ms_ = 0;
};

class H2Guard {
 public:
  static constexpr size_t kMostContinuations = 8;  // 16 KiB each; with more, a head is no head
  static constexpr size_t kMaxFrame = 16384;
  static constexpr size_t kFrameHead = 9;

  explicit H2Guard(bool is_server) : is_server_(is_server), in_preface_(is_server) {}

  // How much of the front of `bytes` the decoder may be given now: a frame, or what is there of one. 0: more
  // must come first, or there is a fault. Bytes that were admitted must not be shown again.
  size_t admit(std::string_view bytes, uint64_t now_ms);
  const std::optional<H2Fault>& fault() const { return fault_; }
  bool in_header_block() const { return block_stream_ != 0; }
  // The peer's preface and first SETTINGS have come.
  bool is_greeted() const { return greeted_; }

  // A stream of ours began. / We reset a stream: frames that were on their way are no fault of the peer.
  void opened(uint32_t stream);
  void discard(uint32_t stream);
  // Takes points for something the decoder found. False, and a fault, when the budget is used up.
  bool charge(int64_t points, uint64_t now_ms);
  H2Budget& budget() { return budget_; }

 private:
  struct Frame {
    uint32_t length;
    uint8_t type;
    uint8_t flags;
    uint32_t stream;
    std::string_view payload;  // its first bytes, up to kPeek
  };
  enum class State : uint8_t {
    skipped,    // never used, and never can be any more
    open,       // as far as the peer's frames go
    ended,      // the peer has said that nothing follows
    discarded,  // we reset it
  };
  static constexpr size_t kPeek = 6;             // a padding length and a priority
  static constexpr uint32_t kRemembered = 1024;  // streams; older ones are taken for ended

  bool fail(uint32_t code, std::string_view reason);
  size_t admit_preface(std::string_view bytes);
  bool check(const Frame& frame, uint64_t now_ms);
  bool check_data(const Frame& frame, uint64_t now_ms);
  bool check_headers(const Frame& frame);
  bool check_continuation(const Frame& frame, uint64_t now_ms);
  bool check_priority(const Frame& frame, std::string_view priority);
  bool check_control(const Frame& frame, uint64_t now_ms);
  bool open_remote(uint32_t stream);
  bool is_idle(uint32_t stream) const;
  State state(uint32_t stream) const;
  void set_state(uint32_t stream, State state);

  bool is_server_;
  bool in_preface_;
  bool greeted_ = false;
  uint32_t payload_left_ = 0;
  uint32_t last_stream_ = 0;   // the highest that was begun
  uint32_t block_stream_ = 0;  // whose header block goes on
  size_t continuations_ = 0;
  std::array<uint8_t, kRemembered / 4> states_{};  // two bits each, by number
  H2Budget budget_;
  std::optional<H2Fault> fault_;
};

}  // namespace weir::http
