// Where to listen and where to connect, as text and as values: "127.0.0.1:8080", "[::1]:8080",
// "unix:/run/weir/x.sock", "fd:3" (a socket that was handed over), "app.internal:9000" (a name to resolve).
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pkg/base/result.hh"

namespace weir {

// An IPv4 or IPv6 address. IPv4 is kept in its IPv6-mapped form (RFC 4291 2.5.5.2), so that a client that
// reaches a dual-stack socket over IPv4 is the same client everywhere.
class IpAddress {
 public:
  IpAddress() = default;  // ::
  static std::optional<IpAddress> parse(std::string_view text);
  static IpAddress v4(uint32_t host_order);
  static IpAddress v6(const std::array<uint8_t, 16>& bytes);

  bool is_v4() const;
  const std::array<uint8_t, 16>& bytes() const { return bytes_; }
  // With all but the first `prefix` bits zero; for IPv4, `prefix` counts from 0 to 32.
  IpAddress masked(unsigned prefix) const;
  void append_to(std::string& out) const;  // "192.0.2.1", "2001:db8::1"
  std::string to_string() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  std::array<uint8_t, 16> bytes_{};
};

// A range of addresses: "10.0.0.0/8", "2001:db8::/32", or one address.
struct Cidr {
  IpAddress base;  // masked
  unsigned prefix = 128;

  static Result<Cidr> parse(std::string_view text);
  bool contains(const IpAddress& address) const;
  std::string to_string() const;
  bool operator==(const Cidr&) const = default;
};

struct Address {
  enum class Kind { ip, unix_path, inherited_fd, name };

  Kind kind = Kind::ip;
  IpAddress ip;
  uint16_t port = 0;
  std::string text;  // unix_path: the path; name: the host name
  int fd = -1;

  // What a listener may be: ip:port, unix:/path, fd:N.
  static Result<Address> parse_listen(std::string_view text);
  // What may be connected to: ip:port, unix:/path, name:port.
  static Result<Address> parse_connect(std::string_view text);

  static Address from_sockaddr(const sockaddr* address);  // IPv4, IPv6 or Unix
  // Fills `out` (kind ip or unix_path only) and returns the length in use.
  socklen_t to_sockaddr(sockaddr_storage& out) const;
  std::string to_string() const;  // the form that parse takes
  bool operator==(const Address&) const = default;
};

}  // namespace weir
