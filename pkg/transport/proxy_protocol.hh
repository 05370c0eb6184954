// The PROXY protocol, versions 1 and 2 (HAProxy, doc/proxy-protocol.txt): in front of a connection's own
// bytes a proxy says which connection it stands for. Read strictly: only from proxies that are trusted, and a
// header that two readers could take for different things is refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pkg/base/address.hh"

namespace weir::transport {

struct ProxyHeader {
  // none: the proxy speaks for itself (LOCAL) or knows no address (UNKNOWN, UNSPEC); the connection's own
  // addresses are meant then.
  enum class Kind : uint8_t { none, stream, datagram };

  Kind kind = Kind::none;
  Address source;
  Address destination;
  // Of version 2, empty when absent.
  std::string alpn;       // PP2_TYPE_ALPN: the protocol that TLS agreed on
  std::string authority;  // PP2_TYPE_AUTHORITY: the host name, as TLS's SNI has it
  std::string unique_id;  // PP2_TYPE_UNIQUE_ID: opaque
};

struct ProxyParse {
  enum class Verdict : uint8_t { need_more, done, refused };
  Verdict verdict = Verdict::need_more;
  size_t consumed = 0;      // when done
  std::string_view reason;  // when refused; static
};

// Limits: a version 1 line has at most 107 bytes (section 2.1); a version 2 header may announce 65,535, of
// which we take so many.
constexpr size_t kMostProxyV1Bytes = 107;
constexpr size_t kMostProxyV2Bytes = 16 * 1024;
constexpr size_t kMostAuthorityBytes = 255;  // section 2.2.2
constexpr size_t kMostUniqueIdBytes = 128;   // section 2.2.5

// `bytes` is all that has come of the connection so far; call again with more of it on need_more. `out` is
// filled when done.
ProxyParse parse_proxy_header(std::string_view bytes, ProxyHeader& out);

// Version 1 knows TCP only: anything else is written as UNKNOWN.
void append_proxy_v1(std::string& out, const ProxyHeader& header);
// With a checksum, and those of alpn, authority and unique_id that are not empty. Longer ones than the limits
// are left out.
void append_proxy_v2(std::string& out, const ProxyHeader& header);

}  // namespace weir::transport
