// Reads what a TLS client asks for out of its first bytes, without ending its TLS: the host name (SNI, RFC
// 6066 3) and the protocols it speaks (ALPN, RFC 7301 3.1). So a connection is routed that stays sealed.
// With Encrypted Client Hello the name is the outer one, which is meant for who routes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::transport {

struct ClientHello {
  std::string server_name;        // lower case; empty when the client names none
  std::vector<std::string> alpn;  // in the client's order
};

struct HelloParse {
  enum class Verdict : uint8_t { need_more, hello, not_tls };
  Verdict verdict = Verdict::need_more;
  std::string_view reason;  // when not_tls; static
};

// A hello with its records' headers is refused beyond so many bytes. Browsers with post-quantum key shares
// send about 2,000.
constexpr size_t kMostClientHelloBytes = 16 * 1024;

// `bytes` is all that has come of the connection so far; call again with more of it on need_more. `out` is
// filled on hello. The message may be spread over several records.
HelloParse parse_client_hello(std::string_view bytes, ClientHello& out);

}  // namespace weir::transport
