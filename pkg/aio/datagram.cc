#include "pkg/aio/datagram.hh"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace weir::aio {
namespace {

constexpr size_t kControlBytes = CMSG_SPACE(sizeof(in6_pktinfo));
constexpr size_t kMostInOneCall = 32;

struct alignas(cmsghdr) Control {
  std::array<char, kControlBytes> bytes;
};

Endpoint to_endpoint(const sockaddr_storage& storage) {
  const Address address = Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage));
  return {address.ip, address.port};
}

// A socket of IPv6 names IPv4 peers in the mapped form.
socklen_t fill_sockaddr(const Endpoint& endpoint, int family, sockaddr_storage& out) {
  if (family != AF_INET6) return endpoint.to_address().to_sockaddr(out);
  auto& v6 = *new (&out) sockaddr_in6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(endpoint.port);
  memcpy(&v6.sin6_addr, endpoint.ip.bytes().data(), sizeof v6.sin6_addr);
  return sizeof v6;
}

IpAddress local_of(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      memcpy(&info, CMSG_DATA(part), sizeof info);
      return IpAddress::v4(ntohl(info.ipi_addr.s_addr));
    }
    if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      memcpy(&info, CMSG_DATA(part), sizeof info);
      std::array<uint8_t, 16> bytes;
      memcpy(bytes.data(), &info.ipi6_addr, bytes.size());
      return IpAddress::v6(bytes);
    }
  }
  return {};
}

template <typename Info>
void fill_control(msghdr& message, int level, int type, const Info& info) {
  message.msg_controllen = CMSG_SPACE(sizeof info);
  cmsghdr* part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = level;
  part->cmsg_type = type;
  part->cmsg_len = CMSG_LEN(sizeof info);
  memcpy(CMSG_DATA(part), &info, sizeof info);
}

// Says which address of ours the datagram leaves from.
void fill_local(msghdr& message, const IpAddress& local, int family, Control& control) {
  if (local == IpAddress()) return;
  message.msg_control = control.bytes.data();
  if (family == AF_INET6) {
    in6_pktinfo info{};
    memcpy(&info.ipi6_addr, local.bytes().data(), sizeof info.ipi6_addr);
    fill_control(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
  } else {
    in_pktinfo info{};
    memcpy(&info.ipi_spec_dst, local.bytes().data() + 12, sizeof info.ipi_spec_dst);
    fill_control(message, IPPROTO_IP, IP_PKTINFO, info);
  }
}

Result<> ask_for_local(int fd, int family) {
  const int on = 1;
  const int failed = family == AF_INET6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on)
                                        : setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  if (failed != 0) return fail_errno("IP_PKTINFO", errno);
  return {};
}

}  // namespace

Address Endpoint::to_address() const {
  Address address;
  address.ip = ip;
  address.port = port;
  return address;
}

size_t EndpointHash::operator()(const Endpoint& endpoint) const {
  const auto& ip = endpoint.ip.bytes();
  SipHash hash(key);
  hash.update({reinterpret_cast<const char*>(ip.data()), ip.size()});
  hash.update({reinterpret_cast<const char*>(&endpoint.port), sizeof endpoint.port});
  return hash.finish();
}

struct DatagramBatch::Memory {
  std::array<mmsghdr, kMost> headers;
  std::array<iovec, kMost> parts;
  std::array<sockaddr_storage, kMost> peers;
  std::array<Control, kMost> controls;
  std::array<std::array<char, kMostBytes>, kMost> bytes;  // the kernel gives the pages that are used
};

DatagramBatch::DatagramBatch() : memory_(std::make_unique_for_overwrite<Memory>()), datagrams_(kMost) {
  for (size_t i = 0; i < kMost; ++i) memory_->parts[i] = {memory_->bytes[i].data(), kMostBytes};
}

DatagramBatch::~DatagramBatch() = default;

Result<DatagramSocket> DatagramSocket::adopt(Loop& loop, Descriptor socket) {
  const auto bound = local_address(socket.get());
  if (!bound) return std::unexpected(bound.error());
  int family = 0;
  socklen_t size = sizeof family;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &family, &size) != 0) {
    return fail_errno("SO_DOMAIN", errno);
  }
  const bool is_wildcard = bound->ip == IpAddress() || bound->ip == IpAddress::v4(0);
  if (is_wildcard) {
    auto asked = ask_for_local(socket.get(), family);
    if (!asked) return std::unexpected(std::move(asked.error()));
  }
  auto readable = Readiness::watch(loop, socket.get(), Readiness::For::reading);
  if (!readable) return std::unexpected(std::move(readable.error()));
  DatagramSocket adopted(std::move(socket), std::move(*readable));
  adopted.family_ = family;
  return adopted;
}

Result<DatagramSocket> DatagramSocket::connect(Loop& loop, const Address& peer) {
  if (peer.kind != Address::Kind::ip) return fail(Errc::invalid, "datagrams go to an IP address and port");
  const int family = peer.ip.is_v4() ? AF_INET : AF_INET6;
  Descriptor fd(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_open()) return fail_errno("open a socket", errno);
  sockaddr_storage storage;
  const socklen_t size = peer.to_sockaddr(storage);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0) {
    return fail_errno("connect", errno);
  }
  auto readable = Readiness::watch(loop, fd.get(), Readiness::For::reading);
  if (!readable) return std::unexpected(std::move(readable.error()));
  DatagramSocket connected(std::move(fd), std::move(*readable));
  connected.family_ = family;
  connected.is_connected_ = true;
  return connected;
}

Task<Result<size_t>> DatagramSocket::receive(DatagramBatch& batch, Deadline deadline) {
  for (;;) {
    auto ready = co_await readable_.wait(deadline);
    if (!ready) co_return std::unexpected(std::move(ready.error()));
    auto count = receive_now(batch);
    if (!count || *count > 0) co_return std::move(count);
  }
}

Result<size_t> DatagramSocket::receive_now(DatagramBatch& batch) {
  DatagramBatch::Memory& memory = *batch.memory_;
  for (size_t i = 0; i < DatagramBatch::kMost; ++i) {
    memory.headers[i].msg_hdr = {.msg_name = &memory.peers[i],
                                 .msg_namelen = sizeof memory.peers[i],
                                 .msg_iov = &memory.parts[i],
                                 .msg_iovlen = 1,
                                 .msg_control = memory.controls[i].bytes.data(),
                                 .msg_controllen = kControlBytes,
                                 .msg_flags = 0};
  }
  batch.count_ = 0;
  const int count = recvmmsg(fd_.get(), memory.headers.data(), DatagramBatch::kMost, MSG_DONTWAIT, nullptr);
  if (count < 0) {
    if (errno == EAGAIN || errno == EINTR) return 0;
    return fail_errno("receiving", errno);
  }
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    batch.datagrams_[i] = {.peer = to_endpoint(memory.peers[i]),
                           .local = local_of(memory.headers[i].msg_hdr),
                           .bytes = {memory.bytes[i].data(), memory.headers[i].msg_len}};
  }
  batch.count_ = static_cast<size_t>(count);
  return batch.count_;
}

DatagramSocket::Sent DatagramSocket::send(std::span<const Datagram> datagrams) {
  std::array<mmsghdr, kMostInOneCall> headers;
  std::array<iovec, kMostInOneCall> parts;
  std::array<sockaddr_storage, kMostInOneCall> peers;
  std::array<Control, kMostInOneCall> controls;
  Sent result;
  while (!datagrams.empty()) {
    const size_t count = std::min(datagrams.size(), kMostInOneCall);
    for (size_t i = 0; i < count; ++i) {
      const Datagram& datagram = datagrams[i];
      parts[i] = {const_cast<char*>(datagram.bytes.data()), datagram.bytes.size()};
      headers[i] = {};
      msghdr& message = headers[i].msg_hdr;
      message.msg_iov = &parts[i];
      message.msg_iovlen = 1;
      if (is_connected_) continue;
      message.msg_name = &peers[i];
      message.msg_namelen = fill_sockaddr(datagram.peer, family_, peers[i]);
      fill_local(message, datagram.local, family_, controls[i]);
    }
    const int sent = sendmmsg(fd_.get(), headers.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
    if (sent > 0) {
      result.sent += static_cast<size_t>(sent);
      datagrams = datagrams.subspan(static_cast<size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == ENOBUFS) {
      result.dropped += datagrams.size();
      break;
    }
    result.error = errno;  // the first one's; those behind it may pass
    ++result.dropped;
    datagrams = datagrams.subspan(1);
  }
  return result;
}

}  // namespace weir::aio
