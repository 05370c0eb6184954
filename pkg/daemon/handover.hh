// What two processes of one daemon tell each other when the new one takes over from the old one, as messages
// over a Unix SOCK_SEQPACKET socket. The new one is asked nothing; it says:
//
//   new -> old   hello      the daemon's name, its version
//   old -> new   refused    why not: another daemon, another protocol, not now; both go on as before
//                listening  key; with the point's sockets
//                state      name, whether a descriptor of the service's goes along; its bytes in a memfd
//                prepared   that was all of it; the old one goes on serving
//   new -> old   ready      the keys that it serves now
//   old -> new   settled    the old one has stopped accepting
//   new -> old   settled    the old one drains and leaves
//   old -> new   tunnel     until then: listener, description; with the sockets of the client, and of the
//                           server if any
//                aborted    before "settled", why: the old one goes on, the new one must end
//
// A side that goes away before that leaves the other one serving.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pkg/aio/socket.hh"
#include "pkg/base/result.hh"

namespace weir::daemon {

// Each packet of a message begins with the protocol's mark, its version and the message's kind, so that two
// versions can at least refuse each other: a reader knows `hello` and `refused` of every version.
constexpr uint8_t kHandoverProtocol = 1;

struct HandoverMessage {
  enum class Kind : uint8_t { hello, refused, listening, state, prepared, ready, settled, tunnel, aborted };
  static constexpr size_t kMostFields = 4096;
  static constexpr size_t kMostBytes = size_t{8} << 20;  // of all fields
  static constexpr size_t kMostDescriptors = 250;        // SCM_RIGHTS takes 253

  Kind kind = Kind::hello;
  uint8_t protocol = kHandoverProtocol;  // of who has written it
  std::vector<std::string> fields = {};
  std::vector<aio::Descriptor> descriptors = {};

  std::string_view field(size_t index) const {
    return index < fields.size() ? std::string_view(fields[index]) : std::string_view();
  }
};

std::string_view to_string(HandoverMessage::Kind kind);

constexpr size_t kMostPacketBytes = 32 * 1024;

// The packets of a message, each at most kMostPacketBytes. Without the descriptors, which go along with the
// first one.
std::vector<std::string> encode(const HandoverMessage& message);

// Puts packets together again.
class HandoverReader {
 public:
  // True when the packet was a message's last. Errors: invalid, for what is none; unavailable, for a message
  // of another version.
  Result<bool> add(std::string_view packet);
  // The message that is complete, without its descriptors.
  Result<HandoverMessage> take();

 private:
  HandoverMessage::Kind kind_ = HandoverMessage::Kind::hello;
  uint8_t protocol_ = kHandoverProtocol;
  std::string body_;
  bool inside_ = false;
};

}  // namespace weir::daemon
