#include "pkg/http/h2_guard.hh"

#include <algorithm>

#include "pkg/http/h2_code.hh"

namespace weir::http {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// RFC 9113 6.
enum FrameType : uint8_t {
  kData,
  kHeaders,
  kPriority,
  kResetStream,
  kSettings,
  kPushPromise,
  kPing,
  kGoaway,
  kWindowUpdate,
  kContinuation,
};

constexpr uint8_t kEndStream = 0x1;
constexpr uint8_t kAck = 0x1;
constexpr uint8_t kEndHeaders = 0x4;
constexpr uint8_t kPadded = 0x8;
constexpr uint8_t kHasPriority = 0x20;
constexpr size_t kPriorityLength = 5;

uint32_t read_uint(std::string_view bytes, size_t size) {
  uint32_t value = 0;
  for (size_t i = 0; i < size; ++i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

}  // namespace

bool H2Budget::spend(int64_t points, uint64_t now_ms) {
  const uint64_t passed = now_ms > filled_ms_ ? now_ms - filled_ms_ : 0;
  const int64_t back = static_cast<int64_t>(std::min<uint64_t>(passed, 3'600'000)) * kPointsPerSecond / 1000;
  if (back > 0) {
    earn(back);
    filled_ms_ = now_ms;
  }
  points_ -= points;
  return points_ >= 0;
}

bool H2Guard::fail(uint32_t code, std::string_view reason) {
  if (!fault_) fault_ = {code, reason};
  return false;
}

bool H2Guard::charge(int64_t points, uint64_t now_ms) {
  if (budget_.spend(points, now_ms)) return true;
  return fail(H2Code::kEnhanceYourCalm, "too many frames that lead nowhere");
}

bool H2Guard::is_idle(uint32_t stream) const {
  // Those of the other parity are never begun: a client opens odd ones, and nobody pushes.
  return stream > last_stream_ || stream % 2 == 0;
}

H2Guard::State H2Guard::state(uint32_t stream) const {
  if (last_stream_ - stream >= 2 * kRemembered) return State::ended;
  const uint32_t slot = stream / 2 % kRemembered;
  return static_cast<State>(states_[slot / 4] >> slot % 4 * 2 & 3);
}

void H2Guard::set_state(uint32_t stream, State state) {
  if (last_stream_ - stream >= 2 * kRemembered) return;
  const uint32_t slot = stream / 2 % kRemembered;
  const auto shift = slot % 4 * 2;
  states_[slot / 4] =
      static_cast<uint8_t>((states_[slot / 4] & ~(3 << shift)) | static_cast<int>(state) << shift);
}

void H2Guard::opened(uint32_t stream) {
  if (stream - last_stream_ > 2 * kRemembered) {
    states_.fill(0);
    last_stream_ = stream;
  }
  while (last_stream_ < stream) {
    last_stream_ += last_stream_ == 0 ? 1 : 2;
    set_state(last_stream_, State::skipped);
  }
  set_state(stream, State::open);
}

void H2Guard::discard(uint32_t stream) {
  if (!is_idle(stream) && state(stream) == State::open) set_state(stream, State::discarded);
}

size_t H2Guard::admit_preface(std::string_view bytes) {
  if (!kPreface.starts_with(bytes.substr(0, kPreface.size()))) {
    fail(H2Code::kProtocolError, "the connection does not begin with HTTP/2's preface");
    return 0;
  }
  if (bytes.size() < kPreface.size()) return 0;
  in_preface_ = false;
  return kPreface.size();
}

size_t H2Guard::admit(std::string_view bytes, uint64_t now_ms) {
  if (fault_) return 0;
  if (in_preface_) return admit_preface(bytes);
  if (payload_left_ > 0) {
    const size_t size = std::min<size_t>(payload_left_, bytes.size());
    payload_left_ -= static_cast<uint32_t>(size);
    return size;
  }
  if (bytes.size() < kFrameHead) return 0;
  Frame frame{read_uint(bytes, 3), static_cast<uint8_t>(bytes[3]), static_cast<uint8_t>(bytes[4]),
              read_uint(bytes.substr(5), 4) & 0x7fffffff, bytes.substr(kFrameHead)};
  if (frame.length > kMaxFrame) {
    fail(H2Code::kFrameSizeError, "a frame that is too large");
    return 0;
  }
  const size_t peek = std::min<size_t>(frame.length, kPeek);
  if (frame.payload.size() < peek) return 0;
  frame.payload = frame.payload.substr(0, peek);
  if (!check(frame, now_ms)) return 0;
  const size_t size = std::min<size_t>(bytes.size(), kFrameHead + frame.length);
  payload_left_ = static_cast<uint32_t>(kFrameHead + frame.length - size);
  return size;
}

bool H2Guard::check(const Frame& frame, uint64_t now_ms) {
  if (in_header_block() && (frame.type != kContinuation || frame.stream != block_stream_))
    return fail(H2Code::kProtocolError, "a frame within a header block");
  if (!greeted_ && (frame.type != kSettings || (frame.flags & kAck) != 0))
    return fail(H2Code::kProtocolError, "the first frame is not SETTINGS");
  greeted_ = true;
  switch (frame.type) {
    case kData:
      return check_data(frame, now_ms);
    case kHeaders:
      return check_headers(frame);
    case kContinuation:
      return check_continuation(frame, now_ms);
    case kPushPromise:
      return fail(H2Code::kProtocolError, "a push that was not allowed");
    default:
      return check_control(frame, now_ms);
  }
}

bool H2Guard::check_data(const Frame& frame, uint64_t now_ms) {
  if (frame.stream == 0 || is_idle(frame.stream))
    return fail(H2Code::kProtocolError, "DATA on a stream that was not begun");
  const State was = state(frame.stream);
  if (was == State::ended || was == State::skipped)
    return fail(H2Code::kStreamClosed, "DATA on a stream that is over");
  size_t padding = 0;
  if ((frame.flags & kPadded) != 0) {
    if (frame.length == 0)
      return fail(H2Code::kFrameSizeError, "a padded frame without its padding's length");
    padding = 1 + static_cast<uint8_t>(frame.payload[0]);
    if (padding > frame.length) return fail(H2Code::kProtocolError, "more padding than payload");
  }
  if ((frame.flags & kEndStream) != 0) {
    set_state(frame.stream, State::ended);
    return true;
  }
  return frame.length > padding || charge(H2Budget::kControlFrame, now_ms);
}

bool H2Guard::open_remote(uint32_t stream) {
  if (!is_server_ || stream % 2 == 0)
    return fail(H2Code::kProtocolError, "HEADERS on a stream that the peer cannot begin");
  opened(stream);
  return true;
}

bool H2Guard::check_headers(const Frame& frame) {
  if (frame.stream == 0) return fail(H2Code::kProtocolError, "HEADERS on stream 0");
  std::string_view rest = frame.payload;
  if ((frame.flags & kPadded) != 0) {
    if (frame.length == 0)
      return fail(H2Code::kFrameSizeError, "a padded frame without its padding's length");
    rest.remove_prefix(1);
  }
  if ((frame.flags & kHasPriority) != 0) {
    if (rest.size() < kPriorityLength)
      return fail(H2Code::kFrameSizeError, "HEADERS too short for their priority");
    if (!check_priority(frame, rest)) return false;
  }
  if (is_idle(frame.stream)) {
    if (!open_remote(frame.stream)) return false;
  } else if (state(frame.stream) == State::skipped) {
    return fail(H2Code::kProtocolError, "HEADERS on a stream below the last one");
  } else if (state(frame.stream) == State::ended) {
    return fail(H2Code::kStreamClosed, "HEADERS on a stream that is over");
  }
  if ((frame.flags & kEndStream) != 0) set_state(frame.stream, State::ended);
  if ((frame.flags & kEndHeaders) == 0) block_stream_ = frame.stream;
  continuations_ = 0;
  return true;
}

bool H2Guard::check_continuation(const Frame& frame, uint64_t now_ms) {
  if (!in_header_block()) return fail(H2Code::kProtocolError, "CONTINUATION without a header block");
  if (++continuations_ > kMostContinuations)
    return fail(H2Code::kEnhanceYourCalm, "a header block in too many frames");
  if ((frame.flags & kEndHeaders) != 0) block_stream_ = 0;
  return charge(H2Budget::kContinuation, now_ms);
}

// RFC 9113 dropped priorities, RFC 7540 5.3.1 forbids this one.
bool H2Guard::check_priority(const Frame& frame, std::string_view priority) {
  if ((read_uint(priority, 4) & 0x7fffffff) != frame.stream) return true;
  return fail(H2Code::kProtocolError, "a stream that depends on itself");
}

bool H2Guard::check_control(const Frame& frame, uint64_t now_ms) {
  const auto wrong_size = [this] { return fail(H2Code::kFrameSizeError, "a frame of the wrong size"); };
  const auto wrong_stream = [this] {
    return fail(H2Code::kProtocolError, "a frame on a stream it cannot be on");
  };
  int64_t cost = H2Budget::kControlFrame;
  switch (frame.type) {
    case kPriority:
      if (frame.stream == 0) return wrong_stream();
      if (frame.length != kPriorityLength) return wrong_size();
      if (!check_priority(frame, frame.payload)) return false;
      break;
    case kResetStream:
      if (frame.stream == 0 || is_idle(frame.stream)) return wrong_stream();
      if (frame.length != 4) return wrong_size();
      // Behind a reset of ours too: from now on nothing more is on its way.
      if (state(frame.stream) != State::skipped) set_state(frame.stream, State::ended);
      break;
    case kSettings:
      if (frame.stream != 0) return wrong_stream();
      if (frame.length % 6 != 0 || ((frame.flags & kAck) != 0 && frame.length > 0)) return wrong_size();
      cost = H2Budget::kSettings;
      break;
    case kPing:
      if (frame.stream != 0) return wrong_stream();
      if (frame.length != 8) return wrong_size();
      break;
    case kGoaway:
      if (frame.stream != 0) return wrong_stream();
      if (frame.length < 8) return wrong_size();
      break;
    case kWindowUpdate:
      if (frame.stream != 0 && is_idle(frame.stream)) return wrong_stream();
      if (frame.length != 4) return wrong_size();
      break;
    default:
      break;  // RFC 9113 4.1: unknown ones are ignored
  }
  return charge(cost, now_ms);
}

}  // namespace weir::http
