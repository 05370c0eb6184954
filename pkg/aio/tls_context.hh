// OpenSSL's side of a TlsContext.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "pkg/aio/openssl.hh"
#include "pkg/aio/tls.hh"

namespace weir::aio {

struct TlsContext::Parts {
  bool is_server = false;
  // One for each set of certificates that some name has; the first is that of all other names.
  std::vector<SslContextPtr> contexts;
  std::unordered_map<std::string, SSL_CTX*> names;  // "example.com" and "*.example.com"
  std::string alpn;                                 // each with its length in front, as on the wire
  std::vector<std::string> warnings;

  std::shared_ptr<TicketKeys> ticket_keys;
  CipherPtr ticket_cipher;

  bool verify = true;
  std::string server_name;
  std::shared_ptr<TlsSessions> sessions;

  SSL_CTX* context() const { return contexts.front().get(); }
  // The context of the name that a client asks for.
  SSL_CTX* context_for(std::string_view name) const;
};

namespace detail {

Result<std::string> alpn_on_the_wire(const std::vector<std::string>& protocols);
// What servers and clients have in common.
Result<> set_protocol(SSL_CTX* context, TlsVersion min_version);
void seal_tickets_with_shared_keys(SSL_CTX* context);

}  // namespace detail
}  // namespace weir::aio
