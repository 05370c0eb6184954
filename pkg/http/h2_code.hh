// Error codes of HTTP/2 (RFC 9113 section 7).
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::http {

struct H2Code {
  static constexpr uint32_t kNoError = 0x0;
  static constexpr uint32_t kProtocolError = 0x1;
  static constexpr uint32_t kInternalError = 0x2;
  static constexpr uint32_t kFlowControlError = 0x3;
  static constexpr uint32_t kSettingsTimeout = 0x4;
  static constexpr uint32_t kStreamClosed = 0x5;
  static constexpr uint32_t kFrameSizeError = 0x6;
  static constexpr uint32_t kRefusedStream = 0x7;
  static constexpr uint32_t kCancel = 0x8;
  static constexpr uint32_t kCompressionError = 0x9;
  static constexpr uint32_t kConnectError = 0xa;
  static constexpr uint32_t kEnhanceYourCalm = 0xb;
  static constexpr uint32_t kInadequateSecurity = 0xc;
  static constexpr uint32_t kHttp11Required = 0xd;
};

std::string_view h2_code_name(uint32_t code);  // "PROTOCOL_ERROR"; "an unknown code" for others

}  // namespace weir::http
