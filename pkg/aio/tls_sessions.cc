#include "pkg/aio/tls_sessions.hh"

#include <openssl/ssl.h>

#include <utility>

namespace weir::aio {

void TlsSessions::Release::operator()(ssl_session_st* session) const {
  SSL_SESSION_free(session);
}

void TlsSessions::keep(Session session) {
  const std::lock_guard lock(mutex_);
  std::swap(newest_, session);
}

// A server may see a ticket more than once: RFC 8446, C.4, advises against it only where the two connections
// must not be linked, and what connects here connects for itself. A copy, for OpenSSL spoils the session that
// a connection has used.
TlsSessions::Session TlsSessions::newest() const {
  const std::lock_guard lock(mutex_);
  if (!newest_ || SSL_SESSION_is_resumable(newest_.get()) != 1) return nullptr;
  return Session(SSL_SESSION_dup(newest_.get()));
}

}  // namespace weir::aio
