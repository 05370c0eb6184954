#include "pkg/transport/proxy_protocol.hh"

#include <algorithm>
#include <array>
#include <optional>

#include "pkg/base/crc32c.hh"
#include "pkg/base/text.hh"
#include "pkg/transport/byte_reader.hh"

namespace weir::transport {
namespace {

constexpr std::string_view kV1Start = "PROXY ";
constexpr std::string_view kV2Signature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr size_t kV2Fixed = 16;
constexpr size_t kUnixPathBytes = 108;
constexpr size_t kMostUnixPath = 107;

// Section 2.2: the second byte's high half is the version, its low half the command.
constexpr uint8_t kLocal = 0x20;
constexpr uint8_t kProxy = 0x21;

// Section 2.2: address family and transport in one byte.
enum class Family : uint8_t {
  unspec = 0x00,
  tcp4 = 0x11,
  udp4 = 0x12,
  tcp6 = 0x21,
  udp6 = 0x22,
  unix_stream = 0x31,
  unix_datagram = 0x32,
};

// Section 2.2: the types of what follows the addresses.
constexpr uint32_t kTypeAlpn = 0x01;
constexpr uint32_t kTypeAuthority = 0x02;
constexpr uint32_t kTypeCrc32c = 0x03;
constexpr uint32_t kTypeUniqueId = 0x05;
constexpr size_t kCrcBytes = 4;

ProxyParse refused(std::string_view reason) {
  return {ProxyParse::Verdict::refused, 0, reason};
}

// --- version 1, section 2.1 ---

std::optional<uint16_t> parse_port(std::string_view text) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  const auto port = parse_uint(text);
  if (!port || *port > 65535) return std::nullopt;
  return static_cast<uint16_t>(*port);
}

std::optional<Address> parse_v1_address(std::string_view ip, std::string_view port, bool is_v6) {
  if ((ip.find(':') != std::string_view::npos) != is_v6) return std::nullopt;
  const auto parsed = IpAddress::parse(ip);
  const auto number = parse_port(port);
  if (!parsed || !number) return std::nullopt;
  Address address;
  address.ip = *parsed;
  address.port = *number;
  return address;
}

ProxyParse parse_v1_line(std::string_view line, ProxyHeader& out) {
  ProxyHeader header;
  const ProxyParse done{ProxyParse::Verdict::done, line.size() + 2, {}};
  const std::string_view text = line.substr(kV1Start.size());
  if (text == "UNKNOWN" || text.starts_with("UNKNOWN ")) {  // what follows is to be ignored
    out = std::move(header);
    return done;
  }
  const auto parts = split(text, ' ');
  const bool is_v6 = parts[0] == "TCP6";
  if (!is_v6 && parts[0] != "TCP4") return refused("a PROXY line of an unknown protocol");
  if (parts.size() != 5) return refused("a PROXY line that does not have two addresses and two ports");
  const auto source = parse_v1_address(parts[1], parts[3], is_v6);
  const auto destination = parse_v1_address(parts[2], parts[4], is_v6);
  if (!source || !destination) return refused("a PROXY line with an address or a port that is none");
  header.kind = ProxyHeader::Kind::stream;
  header.source = *source;
  header.destination = *destination;
  out = std::move(header);
  return done;
}

ProxyParse parse_v1(std::string_view bytes, ProxyHeader& out) {
  const std::string_view head = bytes.substr(0, kMostProxyV1Bytes);
  const size_t end = head.find_first_of("\r\n");
  if (end == std::string_view::npos) {
    return head.size() < kMostProxyV1Bytes ? ProxyParse{} : refused("a PROXY line that is too long");
  }
  if (head[end] == '\n') return refused("a PROXY line that does not end in CRLF");
  if (end + 1 == head.size()) {
    return head.size() < kMostProxyV1Bytes ? ProxyParse{} : refused("a PROXY line that is too long");
  }
  if (head[end + 1] != '\n') return refused("a PROXY line that does not end in CRLF");
  return parse_v1_line(head.substr(0, end), out);
}

// --- version 2, section 2.2 ---

std::optional<IpAddress> take_ip(ByteReader& reader, bool is_v6) {
  if (!is_v6) {
    const auto word = reader.take_uint(4);
    if (!word) return std::nullopt;
    return IpAddress::v4(*word);
  }
  const auto bytes = reader.take(16);
  if (!bytes) return std::nullopt;
  std::array<uint8_t, 16> address;
  std::ranges::transform(*bytes, address.begin(), [](char c) { return static_cast<uint8_t>(c); });
  return IpAddress::v6(address);
}

bool take_ip_pair(ByteReader& reader, bool is_v6, ProxyHeader& out) {
  const auto source = take_ip(reader, is_v6);
  const auto destination = take_ip(reader, is_v6);
  const auto source_port = reader.take_uint(2);
  const auto destination_port = reader.take_uint(2);
  if (!source || !destination || !source_port || !destination_port) return false;
  out.source.ip = *source;
  out.source.port = static_cast<uint16_t>(*source_port);
  out.destination.ip = *destination;
  out.destination.port = static_cast<uint16_t>(*destination_port);
  return true;
}

bool take_path(ByteReader& reader, Address& out) {
  const auto field = reader.take(kUnixPathBytes);
  if (!field) return false;
  out.kind = Address::Kind::unix_path;
  out.text = field->substr(0, field->find('\0'));  // empty for a socket without a name, or an abstract one
  return out.text.size() <= kMostUnixPath;
}

bool take_addresses(ByteReader& reader, Family family, ProxyHeader& out) {
  switch (family) {
    case Family::unspec:
      out.kind = ProxyHeader::Kind::none;
      return true;
    case Family::tcp4:
    case Family::tcp6:
      out.kind = ProxyHeader::Kind::stream;
      return take_ip_pair(reader, family == Family::tcp6, out);
    case Family::udp4:
    case Family::udp6:
      out.kind = ProxyHeader::Kind::datagram;
      return take_ip_pair(reader, family == Family::udp6, out);
    case Family::unix_stream:
    case Family::unix_datagram:
      out.kind = family == Family::unix_stream ? ProxyHeader::Kind::stream : ProxyHeader::Kind::datagram;
      return take_path(reader, out.source) && take_path(reader, out.destination);
  }
  return false;
}

bool is_family(uint8_t value) {
  constexpr std::array kFamilies{Family::unspec, Family::tcp4,        Family::udp4,         Family::tcp6,
                                 Family::udp6,   Family::unix_stream, Family::unix_datagram};
  return std::ranges::find(kFamilies, static_cast<Family>(value)) != kFamilies.end();
}

// Section 2.2.3: of the whole header, its own four bytes taken as zero.
bool is_checksum_right(std::string_view header, std::string_view checksum) {
  const auto before = static_cast<size_t>(checksum.data() - header.data());
  uint32_t sum = crc32c(header.substr(0, before));
  sum = crc32c(std::string_view("\0\0\0\0", kCrcBytes), sum);
  sum = crc32c(header.substr(before + kCrcBytes), sum);
  return ByteReader(checksum).take_uint(4) == sum;
}

// A reason to refuse, or nothing.
std::string_view take_extras(ByteReader& reader, std::string_view whole, ProxyHeader& out) {
  bool has_checksum = false;
  while (!reader.is_empty()) {
    const auto type = reader.take_uint(1);
    const auto value = reader.take_counted(2);
    if (!type || !value) return "a PROXY header with a field that is cut off";
    std::string* kept = nullptr;
    size_t most = 0;
    switch (*type) {
      case kTypeAlpn:
        kept = &out.alpn;
        most = 255;  // RFC 7301 3.1
        break;
      case kTypeAuthority:
        kept = &out.authority;
        most = kMostAuthorityBytes;
        break;
      case kTypeUniqueId:
        kept = &out.unique_id;
        most = kMostUniqueIdBytes;
        break;
      case kTypeCrc32c:
        if (value->size() != kCrcBytes || has_checksum) return "a PROXY header with a malformed checksum";
        has_checksum = true;
        if (!is_checksum_right(whole, *value)) return "a PROXY header with a wrong checksum";
        continue;
      default:
        continue;  // section 2.2: unknown ones are ignored
    }
    if (!kept->empty()) return "a PROXY header with a field that stands twice";
    if (value->size() > most) return "a PROXY header with a field that is too long";
    *kept = *value;
  }
  return {};
}

ProxyParse parse_v2(std::string_view bytes, ProxyHeader& out) {
  ByteReader fixed(bytes.substr(kV2Signature.size()));
  const auto version_and_command = fixed.take_uint(1);
  if (!version_and_command) return {};
  if (*version_and_command >> 4 != 2) return refused("a PROXY header of an unknown version");
  if (*version_and_command != kLocal && *version_and_command != kProxy) {
    return refused("a PROXY header with an unknown command");
  }
  const auto family = fixed.take_uint(1);
  if (!family) return {};
  const bool is_local = *version_and_command == kLocal;
  if (!is_local && !is_family(static_cast<uint8_t>(*family))) {
    return refused("a PROXY header of an unknown address family");
  }
  const auto length = fixed.take_uint(2);
  if (!length) return {};
  if (kV2Fixed + *length > kMostProxyV2Bytes) return refused("a PROXY header that is too long");
  const std::string_view whole = bytes.substr(0, kV2Fixed + *length);
  if (whole.size() < kV2Fixed + *length) return {};
  ProxyHeader header;
  if (!is_local) {  // what comes with LOCAL is to be discarded
    ByteReader reader(whole.substr(kV2Fixed));
    if (!take_addresses(reader, static_cast<Family>(*family), header)) {
      return refused("a PROXY header whose addresses are cut off or too long");
    }
    const std::string_view reason = take_extras(reader, whole, header);
    if (!reason.empty()) return refused(reason);
  }
  out = std::move(header);
  return {ProxyParse::Verdict::done, whole.size(), {}};
}

// --- writing ---

bool is_ip_pair(const ProxyHeader& header) {
  return header.source.kind == Address::Kind::ip && header.destination.kind == Address::Kind::ip;
}

bool is_unix_pair(const ProxyHeader& header) {
  return header.source.kind == Address::Kind::unix_path &&
         header.destination.kind == Address::Kind::unix_path;
}

bool is_v4_pair(const ProxyHeader& header) {
  return header.source.ip.is_v4() && header.destination.ip.is_v4();
}

void append_ip_v1(std::string& out, const IpAddress& ip, bool as_v6) {
  if (as_v6 && ip.is_v4()) out += "::ffff:";
  ip.append_to(out);
}

void append_number(std::string& out, uint32_t value, unsigned size) {
  for (unsigned at = size; at > 0; --at) out += static_cast<char>(value >> (8 * (at - 1)));
}

void append_ip_v2(std::string& out, const IpAddress& ip, bool as_v4) {
  const auto& bytes = ip.bytes();
  out.append(reinterpret_cast<const char*>(bytes.data()) + (as_v4 ? 12 : 0), as_v4 ? 4 : 16);
}

void append_path(std::string& out, const Address& address) {
  const std::string_view path = std::string_view(address.text).substr(0, kMostUnixPath);
  out += path;
  out.append(kUnixPathBytes - path.size(), '\0');
}

Family family_of(const ProxyHeader& header) {
  const bool is_datagram = header.kind == ProxyHeader::Kind::datagram;
  if (header.kind == ProxyHeader::Kind::none) return Family::unspec;
  if (is_unix_pair(header)) return is_datagram ? Family::unix_datagram : Family::unix_stream;
  if (!is_ip_pair(header)) return Family::unspec;
  if (is_v4_pair(header)) return is_datagram ? Family::udp4 : Family::tcp4;
  return is_datagram ? Family::udp6 : Family::tcp6;
}

void append_extra(std::string& out, uint32_t type, std::string_view value, size_t most) {
  if (value.empty() || value.size() > most) return;
  append_number(out, type, 1);
  append_number(out, static_cast<uint32_t>(value.size()), 2);
  out += value;
}

}  // namespace

ProxyParse parse_proxy_header(std::string_view bytes, ProxyHeader& out) {
  if (bytes.empty()) return {};
  const bool is_v2 = bytes.front() == kV2Signature.front();
  const std::string_view start = is_v2 ? kV2Signature : kV1Start;
  const size_t known = std::min(bytes.size(), start.size());
  if (bytes.substr(0, known) != start.substr(0, known)) return refused("no PROXY header");
  if (known < start.size()) return {};
  return is_v2 ? parse_v2(bytes, out) : parse_v1(bytes, out);
}

void append_proxy_v1(std::string& out, const ProxyHeader& header) {
  out += kV1Start;
  if (header.kind != ProxyHeader::Kind::stream || !is_ip_pair(header)) {
    out += "UNKNOWN\r\n";
    return;
  }
  const bool as_v6 = !is_v4_pair(header);
  out += as_v6 ? "TCP6 " : "TCP4 ";
  append_ip_v1(out, header.source.ip, as_v6);
  out += ' ';
  append_ip_v1(out, header.destination.ip, as_v6);
  out += ' ';
  append_uint(out, header.source.port);
  out += ' ';
  append_uint(out, header.destination.port);
  out += "\r\n";
}

void append_proxy_v2(std::string& out, const ProxyHeader& header) {
  const size_t begin = out.size();
  const Family family = family_of(header);
  out += kV2Signature;
  // Who stands for nobody speaks for himself.
  append_number(out, header.kind == ProxyHeader::Kind::none ? kLocal : kProxy, 1);
  append_number(out, static_cast<uint8_t>(family), 1);
  append_number(out, 0, 2);  // the length, set below
  if (is_unix_pair(header) && family != Family::unspec) {
    append_path(out, header.source);
    append_path(out, header.destination);
  } else if (family != Family::unspec) {
    const bool as_v4 = is_v4_pair(header);
    append_ip_v2(out, header.source.ip, as_v4);
    append_ip_v2(out, header.destination.ip, as_v4);
    append_number(out, header.source.port, 2);
    append_number(out, header.destination.port, 2);
  }
  append_extra(out, kTypeAlpn, header.alpn, 255);
  append_extra(out, kTypeAuthority, header.authority, kMostAuthorityBytes);
  append_extra(out, kTypeUniqueId, header.unique_id, kMostUniqueIdBytes);
  append_extra(out, kTypeCrc32c, std::string_view("\0\0\0\0", kCrcBytes), kCrcBytes);
  const size_t length = out.size() - begin - kV2Fixed;
  out[begin + 14] = static_cast<char>(length >> 8);
  out[begin + 15] = static_cast<char>(length);
  std::string checksum;
  append_number(checksum, crc32c(std::string_view(out).substr(begin)), 4);
  out.replace(out.size() - kCrcBytes, kCrcBytes, checksum);
}

}  // namespace weir::transport
