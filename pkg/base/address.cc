#include "pkg/base/address.hh"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "pkg/base/text.hh"

namespace weir {
namespace {

constexpr std::array<uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned kMappedBits = 96;

std::optional<uint16_t> parse_port(std::string_view text) {
  const auto port = parse_uint(text);
  if (!port || *port > 65535) return std::nullopt;
  return static_cast<uint16_t>(*port);
}

// A host name as RFC 1123 2.1 has it; underscores too, for container networks use them.
bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  for (const std::string_view label : split(text, '.')) {
    const bool sized = !label.empty() && label.size() <= 63;
    if (!sized || label.front() == '-' || label.back() == '-') return false;
    if (!std::ranges::all_of(label,
                             [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_'; }))
      return false;
  }
  return true;
}

// In any case of letters, as no host can be called so: an address in writing has to be read as what it was.
bool is_unix(std::string_view text) {
  return to_lower(text.substr(0, 5)) == "unix:";
}

Result<Address> parse_unix(std::string_view text) {
  Address address;
  address.kind = Address::Kind::unix_path;
  address.text = text.substr(5);
  if (address.text.empty()) return fail(Errc::invalid, "\"unix:\" needs a path behind it");
  if (address.text.find('\0') != std::string::npos) {
    return fail(Errc::invalid, "the path of a Unix socket may not hold a zero byte");
  }
  if (address.text.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(Errc::invalid, "the path of a Unix socket may have at most 107 bytes");
  }
  return address;
}

Result<Address> parse_host_port(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return fail(Errc::invalid, "\"" + std::string(text) + "\" has no port; write it like \"127.0.0.1:8080\"");
  }
  const auto port = parse_port(text.substr(colon + 1));
  if (!port) {
    return fail(Errc::invalid,
                "\"" + std::string(text.substr(colon + 1)) + "\" is not a port from 0 to 65535");
  }
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  Address address;
  address.port = *port;
  const bool may_be_ip = bracketed || host.find(':') == std::string_view::npos;
  const auto ip = may_be_ip ? IpAddress::parse(host) : std::nullopt;
  const bool looks_like_v4 = !host.empty() && host.find_first_not_of("0123456789.") == std::string_view::npos;
  if (ip) {
    address.ip = *ip;
  } else if (!bracketed && !looks_like_v4 && is_host_name(host)) {
    address.kind = Address::Kind::name;
    address.text = to_lower(host);
  } else {
    return fail(Errc::invalid,
                "\"" + std::string(text) +
                    "\" is not an address; write it like \"127.0.0.1:8080\", \"[::1]:8080\" or "
                    "\"unix:/run/x.sock\"");
  }
  return address;
}

}  // namespace

IpAddress IpAddress::v4(uint32_t host_order) {
  IpAddress out;
  std::ranges::copy(kMappedPrefix, out.bytes_.begin());
  for (int i = 0; i < 4; ++i) out.bytes_[12 + i] = static_cast<uint8_t>(host_order >> (24 - 8 * i));
  return out;
}

IpAddress IpAddress::v6(const std::array<uint8_t, 16>& bytes) {
  IpAddress out;
  out.bytes_ = bytes;
  return out;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof buffer) return std::nullopt;
  text.copy(buffer, text.size());
  buffer[text.size()] = '\0';
  if (memchr(buffer, '\0', text.size()) != nullptr) return std::nullopt;
  in_addr v4_address{};
  if (inet_pton(AF_INET, buffer, &v4_address) == 1) return v4(ntohl(v4_address.s_addr));
  std::array<uint8_t, 16> v6_address{};
  if (inet_pton(AF_INET6, buffer, v6_address.data()) == 1) return v6(v6_address);
  return std::nullopt;
}

bool IpAddress::is_v4() const {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes_.begin());
}

IpAddress IpAddress::masked(unsigned prefix) const {
  unsigned bits = is_v4() ? kMappedBits + std::min(prefix, 32u) : std::min(prefix, 128u);
  IpAddress out = *this;
  for (uint8_t& byte : out.bytes_) {
    const unsigned kept = std::min(bits, 8u);
    byte &= static_cast<uint8_t>(0xff00u >> kept);
    bits -= kept;
  }
  return out;
}

namespace {

// By hand, for a proxied request has it twice: inet_ntop goes through sprintf, which was 2% of that request.
void append_v4(std::string& out, std::span<const uint8_t, 4> bytes) {
  char text[INET_ADDRSTRLEN];
  char* to = text;
  for (const uint8_t byte : bytes) {
    if (byte >= 100) *to++ = static_cast<char>('0' + byte / 100);
    if (byte >= 10) *to++ = static_cast<char>('0' + byte / 10 % 10);
    *to++ = static_cast<char>('0' + byte % 10);
    *to++ = '.';
  }
  out.append(text, to - 1);
}

}  // namespace

void IpAddress::append_to(std::string& out) const {
  if (is_v4()) return append_v4(out, std::span(bytes_).last<4>());
  char buffer[INET6_ADDRSTRLEN];
  inet_ntop(AF_INET6, bytes_.data(), buffer, sizeof buffer);
  out += buffer;
}

std::string IpAddress::to_string() const {
  std::string out;
  append_to(out);
  return out;
}

Result<Cidr> Cidr::parse(std::string_view text) {
  const auto bad = [&] {
    return fail(Errc::invalid,
                "\"" + std::string(text) +
                    "\" is not an address range; write it like \"10.0.0.0/8\" or \"2001:db8::/32\"");
  };
  const size_t slash = text.find('/');
  const auto ip = IpAddress::parse(text.substr(0, slash));
  if (!ip) return bad();
  const unsigned widest = ip->is_v4() ? 32 : 128;
  uint64_t prefix = widest;
  if (slash != std::string_view::npos) {
    const auto number = parse_uint(text.substr(slash + 1));
    if (!number || *number > widest) return bad();
    prefix = *number;
  }
  return Cidr{ip->masked(static_cast<unsigned>(prefix)), static_cast<unsigned>(prefix)};
}

bool Cidr::contains(const IpAddress& address) const {
  return address.is_v4() == base.is_v4() && address.masked(prefix) == base;
}

std::string Cidr::to_string() const {
  return base.to_string() + "/" + std::to_string(prefix);
}

Result<Address> Address::parse_listen(std::string_view text) {
  if (is_unix(text)) return parse_unix(text);
  if (text.starts_with("fd:")) {
    const auto fd = parse_uint(text.substr(3));
    if (!fd || *fd < 3 || *fd > 65535) {
      return fail(Errc::invalid,
                  "\"" + std::string(text) + "\" is not an inherited descriptor; the first is \"fd:3\"");
    }
    Address address;
    address.kind = Kind::inherited_fd;
    address.fd = static_cast<int>(*fd);
    return address;
  }
  auto address = parse_host_port(text);
  if (address && address->kind == Kind::name) {
    return fail(Errc::invalid,
                "\"" + std::string(text) +
                    "\" is a name; a listener needs an address such as \"127.0.0.1:8080\" or \"[::]:8080\"");
  }
  return address;
}

Result<Address> Address::parse_connect(std::string_view text) {
  if (is_unix(text)) return parse_unix(text);
  auto address = parse_host_port(text);
  if (address && address->port == 0) return fail(Errc::invalid, "port 0 cannot be connected to");
  return address;
}

Address Address::from_sockaddr(const sockaddr* address) {
  Address out;
  if (address->sa_family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(address);
    out.ip = IpAddress::v4(ntohl(in->sin_addr.s_addr));
    out.port = ntohs(in->sin_port);
  } else if (address->sa_family == AF_INET6) {
    const auto* in6 = reinterpret_cast<const sockaddr_in6*>(address);
    std::array<uint8_t, 16> bytes{};
    memcpy(bytes.data(), &in6->sin6_addr, bytes.size());
    out.ip = IpAddress::v6(bytes);
    out.port = ntohs(in6->sin6_port);
  } else {
    out.kind = Kind::unix_path;
    out.text = reinterpret_cast<const sockaddr_un*>(address)->sun_path;
  }
  return out;
}

socklen_t Address::to_sockaddr(sockaddr_storage& out) const {
  memset(&out, 0, sizeof out);
  if (kind == Kind::unix_path) {
    auto* un = reinterpret_cast<sockaddr_un*>(&out);
    un->sun_family = AF_UNIX;
    text.copy(un->sun_path, sizeof un->sun_path - 1);
    return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + text.size() + 1);
  }
  if (ip.is_v4()) {
    auto* in = reinterpret_cast<sockaddr_in*>(&out);
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    memcpy(&in->sin_addr, ip.bytes().data() + 12, 4);
    return sizeof *in;
  }
  auto* in6 = reinterpret_cast<sockaddr_in6*>(&out);
  in6->sin6_family = AF_INET6;
  in6->sin6_port = htons(port);
  memcpy(&in6->sin6_addr, ip.bytes().data(), 16);
  return sizeof *in6;
}

std::string Address::to_string() const {
  switch (kind) {
    case Kind::unix_path:
      return "unix:" + text;
    case Kind::inherited_fd:
      return "fd:" + std::to_string(fd);
    case Kind::name:
      return text + ":" + std::to_string(port);
    case Kind::ip:
      break;
  }
  const std::string host = ip.is_v4() ? ip.to_string() : "[" + ip.to_string() + "]";
  return host + ":" + std::to_string(port);
}

}  // namespace weir
