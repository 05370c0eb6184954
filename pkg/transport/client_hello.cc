#include "pkg/transport/client_hello.hh"

#include <algorithm>
#include <optional>
#include <utility>

#include "pkg/base/text.hh"
#include "pkg/transport/byte_reader.hh"

namespace weir::transport {
namespace {

// RFC 8446 4, 4.2, 5.1.
constexpr uint8_t kHandshakeRecord = 22;
constexpr uint8_t kClientHelloMessage = 1;
constexpr size_t kRecordHeader = 5;
constexpr size_t kMessageHeader = 4;
constexpr uint32_t kMostRecordBytes = 1 << 14;
constexpr uint32_t kServerNameExtension = 0;
constexpr uint32_t kAlpnExtension = 16;
constexpr uint32_t kHostNameType = 0;
constexpr size_t kMostHostName = 253;

HelloParse not_tls(std::string_view reason) {
  return {HelloParse::Verdict::not_tls, reason};
}

// RFC 6066 3: a name as DNS has it, in ASCII and without the dot at its end. Underscores are in use.
bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > kMostHostName || name.front() == '.' || name.back() == '.') return false;
  if (name.find("..") != std::string_view::npos) return false;
  return std::ranges::all_of(
      name, [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '.'; });
}

// The parsers below return a reason to refuse, or nothing.

std::string_view parse_server_name(std::string_view extension, ClientHello& out) {
  ByteReader reader(extension);
  const auto list = reader.take_counted(2);
  if (!list || list->empty() || !reader.is_empty()) return "a malformed list of server names";
  ByteReader names(*list);
  while (!names.is_empty()) {
    const auto type = names.take_uint(1);
    const auto name = names.take_counted(2);
    if (!type || !name) return "a malformed list of server names";
    if (*type != kHostNameType) continue;
    if (!out.server_name.empty()) return "two server names";
    if (!is_host_name(*name)) return "a server name that is no host name";
    out.server_name = to_lower(*name);
  }
  return {};
}

std::string_view parse_alpn(std::string_view extension, ClientHello& out) {
  ByteReader reader(extension);
  const auto list = reader.take_counted(2);
  if (!list || list->empty() || !reader.is_empty()) return "a malformed list of protocols";
  ByteReader names(*list);
  while (!names.is_empty()) {
    const auto name = names.take_counted(1);
    if (!name || name->empty()) return "a malformed list of protocols";
    out.alpn.emplace_back(*name);
  }
  return {};
}

std::string_view parse_extensions(std::string_view list, ClientHello& out) {
  ByteReader extensions(list);
  bool has_server_name = false;
  bool has_alpn = false;
  while (!extensions.is_empty()) {
    const auto type = extensions.take_uint(2);
    const auto content = extensions.take_counted(2);
    if (!type || !content) return "an extension that is cut off";
    std::string_view reason;
    if (*type == kServerNameExtension) {
      reason = std::exchange(has_server_name, true) ? "an extension that stands twice"
                                                    : parse_server_name(*content, out);
    } else if (*type == kAlpnExtension) {
      reason = std::exchange(has_alpn, true) ? "an extension that stands twice" : parse_alpn(*content, out);
    }
    if (!reason.empty()) return reason;
  }
  return {};
}

// RFC 8446 4.1.2.
std::string_view parse_body(std::string_view body, ClientHello& out) {
  ByteReader reader(body);
  const auto version = reader.take_uint(2);
  const auto random = reader.take(32);
  const auto session = reader.take_counted(1);
  const auto ciphers = reader.take_counted(2);
  const auto compressions = reader.take_counted(1);
  if (!version || !random || !session || !ciphers || !compressions) return "a hello that is cut off";
  if (*version >> 8 != 3) return "a hello of an unknown version";
  if (session->size() > 32 || ciphers->empty() || ciphers->size() % 2 != 0 || compressions->empty()) {
    return "a malformed hello";
  }
  if (reader.is_empty()) return {};  // without extensions
  const auto extensions = reader.take_counted(2);
  if (!extensions || !reader.is_empty()) return "a malformed list of extensions";
  return parse_extensions(*extensions, out);
}

HelloParse refuse_record(std::string_view header) {
  if (static_cast<uint8_t>(header[0]) != kHandshakeRecord) return not_tls("not a TLS handshake");
  if (header.size() > 1 && header[1] != 3) return not_tls("not a TLS record");
  return {};
}

// The handshake message that the records hold, put together.
class MessageCollector {
 public:
  explicit MessageCollector(std::string_view bytes) : bytes_(bytes) {}

  HelloParse collect() {
    while (at_ < bytes_.size()) {
      const std::string_view header = bytes_.substr(at_, kRecordHeader);
      const HelloParse refusal = refuse_record(header);
      if (refusal.verdict == HelloParse::Verdict::not_tls) return refusal;
      if (header.size() < kRecordHeader) return {};
      const uint32_t length = *ByteReader(header.substr(3)).take_uint(2);
      if (length == 0 || length > kMostRecordBytes) return not_tls("a TLS record of an impossible length");
      at_ += kRecordHeader;
      const HelloParse step = take_fragment(bytes_.substr(at_, length));
      if (step.verdict != HelloParse::Verdict::need_more) return step;
      at_ += length;
    }
    return {};
  }
  std::string_view body() const { return std::string_view(message_).substr(kMessageHeader, length_); }

 private:
  HelloParse take_fragment(std::string_view fragment) {
    message_ += fragment;
    if (message_.empty()) return {};
    if (static_cast<uint8_t>(message_[0]) != kClientHelloMessage) return not_tls("not a TLS ClientHello");
    if (message_.size() < kMessageHeader) return {};
    length_ = *ByteReader(std::string_view(message_).substr(1)).take_uint(3);
    if (length_ > kMostClientHelloBytes - kRecordHeader - kMessageHeader) {
      return not_tls("a TLS ClientHello that is too long");
    }
    if (message_.size() < kMessageHeader + length_) return {};
    return {HelloParse::Verdict::hello, {}};
  }

  std::string_view bytes_;
  size_t at_ = 0;
  std::string message_;
  size_t length_ = 0;
};

}  // namespace

HelloParse parse_client_hello(std::string_view bytes, ClientHello& out) {
  const std::string_view looked_at = bytes.substr(0, kMostClientHelloBytes);
  MessageCollector collector(looked_at);
  const HelloParse collected = collector.collect();
  if (collected.verdict == HelloParse::Verdict::need_more && looked_at.size() == kMostClientHelloBytes) {
    return not_tls("a TLS ClientHello that is too long");
  }
  if (collected.verdict != HelloParse::Verdict::hello) return collected;
  ClientHello hello;
  const std::string_view reason = parse_body(collector.body(), hello);
  if (!reason.empty()) return not_tls(reason);
  out = std::move(hello);
  return collected;
}

}  // namespace weir::transport
