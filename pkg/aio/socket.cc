#include "pkg/aio/socket.hh"

#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace weir::aio {
namespace {

constexpr int kBacklog = 4096;  // the kernel bounds it by net.core.somaxconn

Result<> set_option(int fd, int level, int name, int value, std::string_view what) {
  if (setsockopt(fd, level, name, &value, sizeof value) != 0) return fail_errno(what, errno);
  return {};
}

Result<Descriptor> open_socket(int family, int type = SOCK_STREAM) {
  Descriptor socket(::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_open()) return fail_errno("open a socket", errno);
  return socket;
}

Result<> bind_socket(int fd, const Address& address) {
  sockaddr_storage storage;
  const socklen_t size = address.to_sockaddr(storage);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&storage), size) != 0) return fail_errno("bind", errno);
  return {};
}

Result<Descriptor> open_tcp(const Address& address, bool reuse_port) {
  auto socket = open_socket(address.ip.is_v4() ? AF_INET : AF_INET6);
  if (!socket) return socket;
  const int fd = socket->get();
  auto result = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  if (result && reuse_port) result = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT");
  // Accepted sockets inherit it, which saves a call for each.
  if (result) result = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
  if (result) result = bind_socket(fd, address);
  if (!result) return std::unexpected(std::move(result.error()));
  return socket;
}

Result<std::vector<Descriptor>> open_tcp_siblings(Address address, size_t count) {
  // Without SO_REUSEPORT first: two daemons started on one port must not share it in silence.
  {
    const auto probe = open_tcp(address, false);
    if (!probe) return std::unexpected(probe.error());
  }
  std::vector<Descriptor> sockets;
  while (sockets.size() < count) {
    auto socket = open_tcp(address, true);
    if (!socket) return std::unexpected(std::move(socket.error()));
    // Listening before the next one is bound, so that no one else can take the port in between.
    if (listen(socket->get(), kBacklog) != 0) return fail_errno("listen", errno);
    const auto bound = local_address(socket->get());
    if (!bound) return std::unexpected(bound.error());
    address.port = bound->port;
    sockets.push_back(std::move(*socket));
  }
  return sockets;
}

Result<Descriptor> open_udp(const Address& address, bool reuse_port) {
  auto socket = open_socket(address.ip.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM);
  if (!socket) return socket;
  Result<> result;
  if (reuse_port) result = set_option(socket->get(), SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT");
  if (result) result = bind_socket(socket->get(), address);
  if (!result) return std::unexpected(std::move(result.error()));
  return socket;
}

Result<std::vector<Descriptor>> open_udp_siblings(Address address, size_t count) {
  {
    const auto probe = open_udp(address, false);
    if (!probe) return std::unexpected(probe.error());
  }
  std::vector<Descriptor> sockets;
  while (sockets.size() < count) {
    auto socket = open_udp(address, true);
    if (!socket) return std::unexpected(std::move(socket.error()));
    const auto bound = local_address(socket->get());
    if (!bound) return std::unexpected(bound.error());
    address.port = bound->port;
    sockets.push_back(std::move(*socket));
  }
  return sockets;
}

Result<Descriptor> open_unix(const Address& address) {
  const auto probe = open_socket(AF_UNIX);
  if (!probe) return std::unexpected(probe.error());
  sockaddr_storage storage;
  const socklen_t size = address.to_sockaddr(storage);
  if (connect(probe->get(), reinterpret_cast<const sockaddr*>(&storage), size) == 0 || errno == EAGAIN) {
    return fail(Errc::refused, "bind: somebody serves this socket already");
  }
  if (errno == ECONNREFUSED) unlink(address.text.c_str());
  auto socket = open_socket(AF_UNIX);
  if (!socket) return socket;
  if (auto bound = bind_socket(socket->get(), address); !bound)
    return std::unexpected(std::move(bound.error()));
  if (listen(socket->get(), kBacklog) != 0) return fail_errno("listen", errno);
  return socket;
}

Result<std::vector<Descriptor>> duplicates(int fd, size_t count) {
  std::vector<Descriptor> copies;
  while (copies.size() < count) {
    Descriptor copy(fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!copy.is_open()) return fail_errno("duplicate a socket", errno);
    copies.push_back(std::move(copy));
  }
  return copies;
}

// An option of a socket that was handed over; a descriptor that is none is an error.
Result<int> option_of(int fd, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  if (getsockopt(fd, SOL_SOCKET, name, &value, &size) != 0) {
    return fail_errno("no socket was handed over", errno);
  }
  return value;
}

// One that shares the model's address and port.
Result<Descriptor> open_sibling(const Descriptor& model) {
  const auto address = local_address(model.get());
  if (!address) return std::unexpected(address.error());
  if (address->kind != Address::Kind::ip) return fail(Errc::invalid, "only IP sockets have siblings");
  const auto type = option_of(model.get(), SO_TYPE);
  if (!type) return std::unexpected(type.error());
  if (*type == SOCK_DGRAM) return open_udp(*address, true);
  auto socket = open_tcp(*address, true);
  if (socket && listen(socket->get(), kBacklog) != 0) return fail_errno("listen", errno);
  return socket;
}

Result<std::vector<Descriptor>> adopt_inherited(int fd, size_t count) {
  if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) return fail_errno("set non-blocking", errno);
  return duplicates(fd, count);
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::vector<Descriptor>> open_listening(const Address& address, size_t count) {
  switch (address.kind) {
    case Address::Kind::ip:
      return open_tcp_siblings(address, count);
    case Address::Kind::inherited_fd: {
      const auto listening = option_of(address.fd, SO_ACCEPTCONN);
      if (!listening) return std::unexpected(listening.error());
      if (*listening == 0) return fail(Errc::invalid, "the socket that was handed over does not listen");
      return adopt_inherited(address.fd, count);
    }
    case Address::Kind::unix_path: {
      const auto socket = open_unix(address);
      if (!socket) return std::unexpected(socket.error());
      return duplicates(socket->get(), count);
    }
    case Address::Kind::name:
      break;
  }
  return fail(Errc::invalid, "a name cannot be listened on");
}

Result<std::vector<Descriptor>> open_datagram(const Address& address, size_t count) {
  if (address.kind == Address::Kind::ip) return open_udp_siblings(address, count);
  if (address.kind != Address::Kind::inherited_fd)
    return fail(Errc::invalid, "datagrams come to an IP address and port, or to fd:N");
  const auto type = option_of(address.fd, SO_TYPE);
  if (!type) return std::unexpected(type.error());
  if (*type != SOCK_DGRAM) return fail(Errc::invalid, "the socket that was handed over is not for datagrams");
  return adopt_inherited(address.fd, count);
}

Result<Descriptor> duplicate(int fd) {
  auto copies = duplicates(fd, 1);
  if (!copies) return std::unexpected(std::move(copies.error()));
  return std::move(copies->front());
}

Result<> add_siblings(std::vector<Descriptor>& sockets, size_t count) {
  const size_t there = sockets.size();
  while (sockets.size() < count) {
    const Descriptor& model = sockets[sockets.size() % there];
    auto sibling = open_sibling(model);
    if (!sibling) sibling = duplicate(model);
    if (!sibling) return std::unexpected(std::move(sibling.error()));
    sockets.push_back(std::move(*sibling));
  }
  return {};
}

Result<Address> local_address(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    return fail_errno("local address", errno);
  }
  return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage));
}

void refuse_new_connections(int fd) {
  // Drops segments that have SYN and not ACK. The filter sees the segment from its TCP header on; the flags
  // are its byte 13 (RFC 9293 3.1).
  constexpr uint32_t kFlagsOffset = 13;
  constexpr uint32_t kSyn = 0x02;
  constexpr uint32_t kAck = 0x10;
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kFlagsOffset),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kSyn | kAck),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kSyn, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
  };
  const sock_fprog program{.len = std::size(code), .filter = code};
  // Where it fails (not a TCP socket), closing is merely less gentle.
  (void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

unsigned accept_queue_length(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  // For a listening socket the kernel reports the queue in tcpi_unacked.
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
  return info.tcpi_state == TCP_LISTEN ? info.tcpi_unacked : 0;
}

}  // namespace weir::aio
