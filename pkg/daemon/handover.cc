#include "pkg/daemon/handover.hh"

#include "pkg/base/wire.hh"

namespace weir::daemon {
namespace {

constexpr std::string_view kMark = "weirhand";
constexpr uint8_t kLast = 0;
constexpr uint8_t kMore = 1;
constexpr size_t kHeaderBytes = kMark.size() + 3;

}  // namespace

std::string_view to_string(HandoverMessage::Kind kind) {
  using Kind = HandoverMessage::Kind;
  switch (kind) {
    case Kind::hello:
      return "hello";
    case Kind::refused:
      return "refused";
    case Kind::listening:
      return "listening";
    case Kind::state:
      return "state";
    case Kind::prepared:
      return "prepared";
    case Kind::ready:
      return "ready";
    case Kind::settled:
      return "settled";
    case Kind::tunnel:
      return "tunnel";
    case Kind::aborted:
      return "aborted";
  }
  return "unknown";
}

std::vector<std::string> encode(const HandoverMessage& message) {
  std::string body;
  WireWriter writer(body);
  writer.u32(static_cast<uint32_t>(message.fields.size()));
  for (const std::string& field : message.fields) writer.text(field);
  std::vector<std::string> packets;
  std::string_view rest = body;
  do {
    const std::string_view piece = rest.substr(0, kMostPacketBytes - kHeaderBytes);
    rest.remove_prefix(piece.size());
    std::string& packet = packets.emplace_back(kMark);
    WireWriter(packet)
        .u8(message.protocol)
        .u8(static_cast<uint8_t>(message.kind))
        .u8(rest.empty() ? kLast : kMore);
    packet += piece;
  } while (!rest.empty());
  return packets;
}

Result<bool> HandoverReader::add(std::string_view packet) {
  using Kind = HandoverMessage::Kind;
  WireReader reader(packet);
  const bool is_ours = reader.take(kMark.size()) == kMark;
  const uint8_t protocol = reader.u8();
  const uint8_t kind = reader.u8();
  const uint8_t more = reader.u8();
  if (!is_ours || !reader.is_good() || more > kMore)
    return fail(Errc::invalid, "what came is no message of a handover");
  const bool is_common =
      kind == static_cast<uint8_t>(Kind::hello) || kind == static_cast<uint8_t>(Kind::refused);
  if (protocol != kHandoverProtocol && !is_common)
    return fail(Errc::unavailable, "the other process speaks version " + std::to_string(protocol) +
                                       " of the handover, this one " + std::to_string(kHandoverProtocol));
  if (kind > static_cast<uint8_t>(Kind::aborted)) return fail(Errc::invalid, "an unknown kind of message");
  if (!inside_) {
    kind_ = static_cast<Kind>(kind);
    protocol_ = protocol;
    body_.clear();
  }
  if (kind_ != static_cast<Kind>(kind)) return fail(Errc::invalid, "a message inside another one");
  if (body_.size() + reader.rest().size() > HandoverMessage::kMostBytes)
    return fail(Errc::limit, "a message is too long");
  body_ += reader.rest();
  inside_ = more == kMore;
  return !inside_;
}

Result<HandoverMessage> HandoverReader::take() {
  HandoverMessage message{.kind = kind_, .protocol = protocol_};
  WireReader reader(body_);
  const uint32_t count = reader.u32();
  if (count > HandoverMessage::kMostFields) return fail(Errc::invalid, "a message has too many fields");
  for (uint32_t i = 0; i < count && reader.is_good(); ++i) message.fields.emplace_back(reader.text());
  if (!reader.is_whole()) return fail(Errc::invalid, "a message is not well-formed");
  return message;
}

}  // namespace weir::daemon
