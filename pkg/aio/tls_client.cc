// Contexts of clients.

#include <openssl/err.h>

#include "pkg/aio/tls_certificates.hh"
#include "pkg/aio/tls_context.hh"
#include "pkg/aio/tls_engine.hh"

namespace weir::aio {
namespace {

// Called at any time in a connection's life; takes the reference.
int on_new_session(SSL* ssl, SSL_SESSION* session) {
  static_cast<TlsEngine*>(SSL_get_app_data(ssl))->keep_session(TlsSessions::Session(session));
  return 1;
}

Result<> trust(SSL_CTX* context, const TlsClientSettings& settings) {
  if (!settings.verify) return {};
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (settings.ca_file.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) == 1) return {};
    return fail(Errc::internal, "the system's certificate authorities: " + take_openssl_error());
  }
  auto authorities = detail::load_chain(settings.ca_file);
  if (!authorities) return std::unexpected(std::move(authorities.error()).context("CA"));
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const X509Ptr& authority : *authorities) X509_STORE_add_cert(store, authority.get());
  return {};
}

Result<> show_certificate(SSL_CTX* context, TlsContext::Parts& parts, const TlsCertificate& files) {
  if (files.chain_file.empty()) return {};
  auto certificate = detail::load_certificate(files);
  if (!certificate) return std::unexpected(certificate.error());
  if (!certificate->warning.empty()) parts.warnings.push_back(certificate->warning);
  auto used = detail::use_certificate(context, *certificate);
  if (!used) return std::unexpected(std::move(used.error()).context("certificate: " + files.chain_file));
  return {};
}

}  // namespace

Result<std::shared_ptr<const TlsContext>> make_client_context(const TlsClientSettings& settings) {
  auto parts = std::make_unique<TlsContext::Parts>();
  auto alpn = detail::alpn_on_the_wire(settings.alpn);
  if (!alpn) return std::unexpected(alpn.error());
  parts->alpn = std::move(*alpn);
  parts->verify = settings.verify;
  parts->server_name = settings.server_name;
  parts->sessions = std::make_shared<TlsSessions>();
  SslContextPtr owned(SSL_CTX_new(TLS_client_method()));
  if (!owned) return fail(Errc::internal, "OpenSSL: " + take_openssl_error());
  SSL_CTX* context = parts->contexts.emplace_back(std::move(owned)).get();
  if (auto set = detail::set_protocol(context, settings.min_version); !set)
    return std::unexpected(set.error());
  if (auto set = trust(context, settings); !set) return std::unexpected(set.error());
  if (auto set = show_certificate(context, *parts, settings.certificate); !set) {
    return std::unexpected(set.error());
  }
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, on_new_session);
  SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(parts->alpn.data()),
                          static_cast<unsigned>(parts->alpn.size()));
  return std::make_shared<const TlsContext>(std::move(parts));
}

}  // namespace weir::aio
