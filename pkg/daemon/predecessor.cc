#include "pkg/daemon/predecessor.hh"

#include <fcntl.h>

#include <cstdlib>

#include "pkg/base/text.hh"
#include "pkg/daemon/version.hh"

namespace weir::daemon {
namespace {

using namespace std::chrono_literals;
using Kind = HandoverMessage::Kind;

constexpr Duration kPatience = 30s;  // with a process that is to answer at once

aio::Descriptor take_given_socket() {
  const char* value = getenv(kHandoverVariable);
  const auto fd = value == nullptr ? std::nullopt : parse_uint(value);
  unsetenv(kHandoverVariable);
  constexpr uint64_t kMost = 1 << 20;
  if (!fd || *fd > kMost) return {};
  // A number that somebody made up is no socket, and is left alone.
  const int number = static_cast<int>(*fd);
  if (!aio::local_address(number) || fcntl(number, F_SETFD, FD_CLOEXEC) != 0) return {};
  return aio::Descriptor(number);
}

}  // namespace

std::unique_ptr<Predecessor> Predecessor::find(aio::Loop& loop, const std::string& path) {
  aio::Descriptor socket = take_given_socket();
  const bool given = socket.is_open();
  if (!given && !path.empty()) {
    auto connected = connect_handover_socket(path);
    if (connected) socket = std::move(*connected);
  }
  if (!socket.is_open()) return nullptr;
  auto channel = HandoverChannel::open(loop, std::move(socket));
  if (!channel) return nullptr;
  return std::make_unique<Predecessor>(loop, std::move(*channel), given);
}

aio::Task<Result<Inheritance>> Predecessor::take(std::string program) {
  const auto peer = channel_.check_peer();
  if (!peer) co_return std::unexpected(peer.error());
  HandoverMessage hello{.kind = Kind::hello};
  hello.fields = {std::move(program), version()};
  // Where it has gone already, the next call says so.
  (void)co_await channel_.send(std::move(hello), loop_.in(kPatience));
  Inheritance inheritance;
  for (;;) {
    auto message = co_await channel_.receive(loop_.in(kPatience));
    if (!message) co_return std::unexpected(std::move(message.error()));
    if (message->kind == Kind::prepared) co_return inheritance;
    if (auto added = add(inheritance, std::move(*message)); !added)
      co_return std::unexpected(std::move(added.error()));
  }
}

Result<> Predecessor::add(Inheritance& inheritance, HandoverMessage message) {
  if (message.kind == Kind::refused || message.kind == Kind::aborted)
    return fail(Errc::refused, std::string(message.field(0)));
  if (message.kind == Kind::listening) {
    auto& sockets = inheritance.sockets[std::string(message.field(0))];
    for (aio::Descriptor& socket : message.descriptors) sockets.push_back(std::move(socket));
    return {};
  }
  const bool has_descriptor = message.field(1) == "1";
  if (message.kind != Kind::state || message.descriptors.size() != (has_descriptor ? 2 : 1))
    return fail(Errc::invalid, "\"" + std::string(to_string(message.kind)) + "\" came unexpectedly");
  auto bytes = from_memfd(message.descriptors[0]);
  if (!bytes) return std::unexpected(std::move(bytes.error()));
  StateBlob& blob = inheritance.state.emplace_back();
  blob.name = message.field(0);
  blob.bytes = std::move(*bytes);
  if (has_descriptor) blob.descriptor = std::move(message.descriptors[1]);
  return {};
}

aio::Task<Result<>> Predecessor::follow(std::vector<std::string> keys,
                                        std::function<void(PassedTunnel)> on_tunnel,
                                        std::function<void()> on_settled) {
  HandoverMessage ready{.kind = Kind::ready};
  ready.fields = std::move(keys);
  (void)co_await channel_.send(std::move(ready), loop_.in(kPatience));
  for (;;) {
    auto message = co_await channel_.receive(aio::Deadline::never());
    if (!message) co_return std::unexpected(std::move(message.error()));
    if (message->kind == Kind::settled) {
      on_settled();
      HandoverMessage settled{.kind = Kind::settled};
      (void)co_await channel_.send(std::move(settled), loop_.in(kPatience));
    } else if (message->kind == Kind::tunnel && !message->descriptors.empty()) {
      PassedTunnel tunnel;
      tunnel.listener = message->field(0);
      tunnel.bytes = message->field(1);
      tunnel.client = std::move(message->descriptors[0]);
      if (message->descriptors.size() > 1) tunnel.upstream = std::move(message->descriptors[1]);
      on_tunnel(std::move(tunnel));
    } else if (message->kind == Kind::aborted) {
      co_return fail(Errc::refused, std::string(message->field(0)));
    }
  }
}

}  // namespace weir::daemon
