#include "pkg/daemon/handover_channel.hh"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "pkg/base/address.hh"

namespace weir::daemon {
namespace {

using namespace std::chrono_literals;
using aio::Descriptor;
using Kind = HandoverMessage::Kind;

// Thousands of messages may wait to be read: others of this loop have their turn in between.
constexpr uint64_t kMessagesATurn = 16;

// Control data for so many descriptors, aligned as the kernel wants it.
union Control {
  char bytes[CMSG_SPACE(sizeof(int) * 253)];
  cmsghdr align;
};

void take_descriptors(msghdr& header, std::vector<Descriptor>& out) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
       control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      memcpy(&fd, CMSG_DATA(control) + i * sizeof fd, sizeof fd);
      out.emplace_back(fd);
    }
  }
}

int try_send(int socket, std::string_view packet, const std::vector<int>& descriptors) {
  Control control{};
  iovec part{const_cast<char*>(packet.data()), packet.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    const size_t bytes = descriptors.size() * sizeof(int);
    header.msg_control = control.bytes;
    header.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(rights), descriptors.data(), bytes);
  }
  return sendmsg(socket, &header, MSG_NOSIGNAL) < 0 ? errno : 0;
}

Result<Descriptor> seqpacket_socket() {
  Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_open()) return fail_errno("open a socket", errno);
  return socket;
}

socklen_t unix_address(const std::string& path, sockaddr_storage& storage) {
  Address address;
  address.kind = Address::Kind::unix_path;
  address.text = path;
  return address.to_sockaddr(storage);
}

}  // namespace

Result<HandoverChannel> HandoverChannel::open(aio::Loop& loop, Descriptor socket) {
  if (fcntl(socket.get(), F_SETFL, fcntl(socket.get(), F_GETFL) | O_NONBLOCK) != 0)
    return fail_errno("set non-blocking", errno);
  auto readable = aio::Readiness::watch(loop, socket.get(), aio::Readiness::For::reading);
  if (!readable) return std::unexpected(std::move(readable.error()));
  auto writable = aio::Readiness::watch(loop, socket.get(), aio::Readiness::For::writing);
  if (!writable) return std::unexpected(std::move(writable.error()));
  HandoverChannel channel;
  channel.loop_ = &loop;
  channel.socket_ = std::move(socket);
  channel.readable_ = std::move(*readable);
  channel.writable_ = std::move(*writable);
  return channel;
}

aio::Task<Result<>> HandoverChannel::send(HandoverMessage message, aio::Deadline deadline) {
  if (++messages_ % kMessagesATurn == 0) co_await aio::yield();
  std::vector<int> descriptors;
  for (const Descriptor& descriptor : message.descriptors) descriptors.push_back(descriptor.get());
  std::vector<std::string> packets = encode(message);
  for (std::string& packet : packets) {
    auto sent = co_await send_packet(std::move(packet), std::move(descriptors), deadline);
    if (!sent) co_return std::unexpected(std::move(sent.error()).context(to_string(message.kind)));
    descriptors.clear();
  }
  co_return Result<>();
}

aio::Task<Result<>> HandoverChannel::send_packet(std::string packet, std::vector<int> descriptors,
                                                 aio::Deadline deadline) {
  for (;;) {
    const int error = try_send(socket_.get(), packet, descriptors);
    if (error == 0) co_return Result<>();
    Result<> waited;
    if (error == ETOOMANYREFS) {
      // As many descriptors are under way as this user may have open: until the other side has read some.
      waited = co_await aio::sleep_until(std::min(deadline, loop_->in(2ms)));
      if (waited && loop_->in(0ms) >= deadline) waited = fail(Errc::timed_out, "sending");
    } else if (error == EAGAIN) {
      waited = co_await writable_.wait(deadline);
    } else if (error != EINTR) {
      co_return fail(Errc::closed, std::string("sending: ") + strerror(error));
    }
    if (!waited) co_return waited;
  }
}

Result<HandoverChannel::Received> HandoverChannel::receive_packet(std::vector<Descriptor>& descriptors) {
  std::string packet(kMostPacketBytes, '\0');
  Control control{};
  iovec part{packet.data(), packet.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes;
  header.msg_controllen = sizeof control.bytes;
  const ssize_t size = recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return Received::nothing_yet;
  if (size <= 0) return fail(Errc::closed, "the other process has gone");
  take_descriptors(header, descriptors);
  if ((header.msg_flags & MSG_CTRUNC) != 0) return fail(Errc::limit, "not all descriptors could be received");
  if ((header.msg_flags & MSG_TRUNC) != 0) return fail(Errc::invalid, "a packet is too long");
  if (descriptors.size() > HandoverMessage::kMostDescriptors)
    return fail(Errc::limit, "a message has too many descriptors");
  packet.resize(static_cast<size_t>(size));
  const auto complete = reader_.add(packet);
  if (!complete) return std::unexpected(complete.error());
  return *complete ? Received::message : Received::part;
}

aio::Task<Result<HandoverMessage>> HandoverChannel::receive(aio::Deadline deadline) {
  if (++messages_ % kMessagesATurn == 0) co_await aio::yield();
  std::vector<Descriptor> descriptors;
  for (;;) {
    const auto received = receive_packet(descriptors);
    if (!received) co_return std::unexpected(received.error());
    if (*received == Received::message) break;
    if (*received == Received::part) continue;
    const auto waited = co_await readable_.wait(deadline);
    if (!waited) co_return std::unexpected(waited.error());
  }
  auto message = reader_.take();
  if (message) message->descriptors = std::move(descriptors);
  co_return message;
}

aio::Task<Result<HandoverMessage>> HandoverChannel::receive(Kind wanted, aio::Deadline deadline) {
  auto message = co_await receive(deadline);
  if (!message) {
    co_return std::unexpected(
        std::move(message.error()).context("waiting for \"" + std::string(to_string(wanted)) + "\""));
  }
  if (message->kind == wanted) co_return message;
  if (message->kind == Kind::refused || message->kind == Kind::aborted)
    co_return fail(Errc::refused, std::string(message->field(0)));
  co_return fail(Errc::invalid, "\"" + std::string(to_string(message->kind)) + "\" came where \"" +
                                    std::string(to_string(wanted)) + "\" was to come");
}

Result<pid_t> HandoverChannel::check_peer() const {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return fail_errno("who is there", errno);
  if (peer.uid != geteuid() && peer.uid != 0)
    return fail(Errc::refused, "user " + std::to_string(peer.uid) + " may not take over");
  return peer.pid;
}

Result<Descriptor> open_handover_socket(const std::string& path) {
  if (connect_handover_socket(path)) return fail(Errc::refused, "another process waits there");
  auto socket = seqpacket_socket();
  if (!socket) return socket;
  // Under another name until nobody but this user can connect to it.
  const std::string draft = path + "." + std::to_string(getpid());
  if (draft.size() >= sizeof(sockaddr_un::sun_path)) return fail(Errc::invalid, "the path is too long");
  sockaddr_storage storage;
  const socklen_t size = unix_address(draft, storage);
  unlink(draft.c_str());
  if (bind(socket->get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0)
    return fail_errno("bind", errno);
  const bool is_ours = chmod(draft.c_str(), S_IRUSR | S_IWUSR) == 0 && listen(socket->get(), 4) == 0 &&
                       rename(draft.c_str(), path.c_str()) == 0;
  if (is_ours) return socket;
  const int error = errno;
  unlink(draft.c_str());
  return fail_errno("listen", error);
}

Result<Descriptor> connect_handover_socket(const std::string& path) {
  auto socket = seqpacket_socket();
  if (!socket) return socket;
  sockaddr_storage storage;
  const socklen_t size = unix_address(path, storage);
  if (connect(socket->get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0)
    return fail_errno("connect", errno);
  return socket;
}

Result<Descriptor> accept_handover(const Descriptor& listening) {
  Descriptor socket(accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.is_open()) return fail(Errc::unavailable, "nobody is there");
  return socket;
}

Result<Descriptor> to_memfd(std::string_view bytes) {
  Descriptor memfd(memfd_create("weir-state", MFD_CLOEXEC));
  if (!memfd.is_open()) return fail_errno("memfd_create", errno);
  while (!bytes.empty()) {
    const ssize_t written = write(memfd.get(), bytes.data(), bytes.size());
    if (written < 0) return fail_errno("write to a memfd", errno);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return memfd;
}

Result<std::string> from_memfd(const Descriptor& memfd) {
  struct stat status {};
  if (fstat(memfd.get(), &status) != 0) return fail_errno("look at a memfd", errno);
  if (!S_ISREG(status.st_mode)) return fail(Errc::invalid, "a state that is no memory");
  std::string bytes(static_cast<size_t>(status.st_size), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t size =
        pread(memfd.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (size <= 0) return fail_errno("read from a memfd", size < 0 ? errno : EIO);
    done += static_cast<size_t>(size);
  }
  return bytes;
}

}  // namespace weir::daemon
