#include "pkg/daemon/successor.hh"

#include "pkg/daemon/version.hh"

namespace weir::daemon {
namespace {

using namespace std::chrono_literals;
using Kind = HandoverMessage::Kind;

constexpr Duration kPatience = 10s;       // with a process that is to answer at once
constexpr Duration kStartPatience = 60s;  // with one that makes its service ready

HandoverMessage message_of(PassedTunnel tunnel) {
  HandoverMessage message{.kind = Kind::tunnel};
  message.fields = {std::move(tunnel.listener), std::move(tunnel.bytes)};
  message.descriptors.push_back(std::move(tunnel.client));
  if (tunnel.upstream.is_open()) message.descriptors.push_back(std::move(tunnel.upstream));
  return message;
}

HandoverMessage with_reason(Kind kind, std::string reason) {
  HandoverMessage message{.kind = kind};
  message.fields = {std::move(reason)};
  return message;
}

Result<HandoverMessage> message_of(StateBlob blob) {
  auto memfd = to_memfd(blob.bytes);
  if (!memfd) return std::unexpected(std::move(memfd.error()));
  HandoverMessage message{.kind = Kind::state};
  message.fields = {std::move(blob.name), blob.descriptor.is_open() ? "1" : "0"};
  message.descriptors.push_back(std::move(*memfd));
  if (blob.descriptor.is_open()) message.descriptors.push_back(std::move(blob.descriptor));
  return message;
}

}  // namespace

aio::Task<Result<>> Successor::greet(std::string program) {
  auto hello = co_await channel_.receive(Kind::hello, loop_.in(kPatience));
  if (!hello) {
    auto error = std::move(hello.error());
    co_await refuse(error.message);
    co_return std::unexpected(std::move(error));
  }
  const auto peer = channel_.check_peer();
  Result<> judged;
  if (!peer) {
    judged = std::unexpected(peer.error());
  } else if (hello->protocol != kHandoverProtocol) {
    judged = fail(Errc::refused, "it speaks version " + std::to_string(hello->protocol) +
                                     " of the handover, this one " + std::to_string(kHandoverProtocol));
  } else if (hello->field(0) != program) {
    judged = fail(Errc::refused, "this is " + program + ", not " + std::string(hello->field(0)));
  }
  if (!judged) co_await refuse(judged.error().message);
  co_return judged;
}

aio::Task<> Successor::refuse(std::string reason) {
  HandoverMessage refused = with_reason(Kind::refused, std::move(reason));
  (void)co_await channel_.send(std::move(refused), loop_.in(kPatience));
}

aio::Task<Result<std::vector<std::string>>> Successor::offer(std::vector<OfferedSocket> sockets,
                                                             std::vector<StateBlob> state) {
  for (OfferedSocket& one : sockets) {
    HandoverMessage listening = with_reason(Kind::listening, std::move(one.key));
    listening.descriptors.push_back(std::move(one.socket));
    auto sent = co_await channel_.send(std::move(listening), loop_.in(kPatience));
    if (!sent) co_return std::unexpected(std::move(sent.error()));
  }
  for (StateBlob& blob : state) {
    auto message = message_of(std::move(blob));
    if (!message) co_return std::unexpected(std::move(message.error()));
    auto sent = co_await channel_.send(std::move(*message), loop_.in(kPatience));
    if (!sent) co_return std::unexpected(std::move(sent.error()));
  }
  HandoverMessage prepared{.kind = Kind::prepared};
  auto sent = co_await channel_.send(std::move(prepared), loop_.in(kPatience));
  if (!sent) co_return std::unexpected(std::move(sent.error()));
  auto ready = co_await channel_.receive(Kind::ready, loop_.in(kStartPatience));
  if (!ready) co_return std::unexpected(std::move(ready.error()));
  co_return std::move(ready->fields);
}

void Successor::pass(PassedTunnel tunnel) {
  push(message_of(std::move(tunnel)));
}

void Successor::push(HandoverMessage message) {
  if (broken_) return;  // closes what it holds: nobody is there to go on with it
  queue_.push_back(std::move(message));
  if (!std::exchange(is_sending_, true)) sending_.spawn(send_queue());
}

aio::Task<> Successor::send_queue() {
  while (!queue_.empty()) {
    HandoverMessage message = std::move(queue_.front());
    queue_.pop_front();
    const auto sent = co_await channel_.send(std::move(message), loop_.in(kStartPatience));
    if (sent) continue;
    broken_ = true;
    queue_.clear();
  }
  is_sending_ = false;
}

aio::Task<Result<>> Successor::settle() {
  push(HandoverMessage{.kind = Kind::settled});
  const auto settled = co_await channel_.receive(Kind::settled, loop_.in(kStartPatience));
  if (!settled) co_return std::unexpected(settled.error());
  co_return Result<>();
}

aio::Task<> Successor::abort(std::string reason) {
  co_await sending_.close();
  HandoverMessage aborted = with_reason(Kind::aborted, std::move(reason));
  (void)co_await channel_.send(std::move(aborted), loop_.in(kPatience));
}

aio::Task<> Successor::close(aio::Deadline deadline) {
  while (is_sending_ && loop_.in(0ms) < deadline) {
    const auto slept = co_await aio::sleep_until(loop_.in(10ms));
    if (!slept) break;
  }
  co_await sending_.close();
}

}  // namespace weir::daemon
