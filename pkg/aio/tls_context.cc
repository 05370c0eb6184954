#include "pkg/aio/tls_context.hh"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cstring>

#include "pkg/base/text.hh"

namespace weir::aio {

std::string take_openssl_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "no reason given";
  if (ERR_SYSTEM_ERROR(code)) return strerror(ERR_GET_REASON(code));
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

void forget_openssl_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

std::string openssl_version() {
  return OpenSSL_version(OPENSSL_VERSION_STRING);
}

TlsContext::TlsContext(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TlsContext::~TlsContext() = default;

const std::vector<std::string>& TlsContext::warnings() const {
  return parts_->warnings;
}

SSL_CTX* TlsContext::Parts::context_for(std::string_view asked) const {
  std::string name = to_lower(asked);
  if (name.ends_with('.')) name.pop_back();
  if (const auto exact = names.find(name); exact != names.end()) return exact->second;
  const size_t dot = name.find('.');
  if (dot == std::string::npos) return context();
  const auto wildcard = names.find("*" + name.substr(dot));
  return wildcard != names.end() ? wildcard->second : context();
}

namespace detail {

Result<std::string> alpn_on_the_wire(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const std::string& protocol : protocols) {
    if (protocol.empty() || protocol.size() > 255) {
      return fail(Errc::invalid, "\"" + protocol + "\" is no protocol for ALPN: it has 1 to 255 bytes");
    }
    wire += static_cast<char>(protocol.size());
    wire += protocol;
  }
  return wire;
}

// AES-128 before AES-256, as it is faster and no weaker in practice; ChaCha20 first for a client that puts it
// first, which then has no AES in hardware.
Result<> set_protocol(SSL_CTX* context, TlsVersion min_version) {
  constexpr const char* kTls13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
  constexpr const char* kTls12 =
      "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
      "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
  ERR_clear_error();
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // Idle connections then hold no record buffers. What we write again after a full output is the same bytes,
  // perhaps elsewhere.
  SSL_CTX_set_mode(context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
  const int version = min_version == TlsVersion::tls13 ? TLS1_3_VERSION : TLS1_2_VERSION;
  const bool done = SSL_CTX_set_min_proto_version(context, version) == 1 &&
                    SSL_CTX_set_ciphersuites(context, kTls13) == 1 &&
                    SSL_CTX_set_cipher_list(context, kTls12) == 1 &&
                    SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384:P-521") == 1;
  if (!done) return fail(Errc::internal, "OpenSSL: " + take_openssl_error());
  return {};
}

namespace {

int set_mac(EVP_MAC_CTX* mac, TicketKey& key) {
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac_key.data(), key.mac_key.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, params);
}

int seal_ticket(const TlsContext::Parts& parts, unsigned char* name, unsigned char* iv,
                EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) {
  TicketKey key = parts.ticket_keys->sealing_key();
  memcpy(name, key.name.data(), key.name.size());
  const bool done =
      RAND_bytes(iv, EVP_CIPHER_get_iv_length(parts.ticket_cipher.get())) == 1 &&
      EVP_EncryptInit_ex2(cipher, parts.ticket_cipher.get(), key.cipher_key.data(), iv, nullptr) == 1 &&
      set_mac(mac, key) == 1;
  OPENSSL_cleanse(&key, sizeof key);
  return done ? 1 : -1;
}

// Asks for a new ticket where the old one's key grows old, and always in TLS 1.3, where each is for one use.
int open_ticket(const TlsContext::Parts& parts, const SSL* ssl, const unsigned char* name,
                const unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) {
  auto found = parts.ticket_keys->find({reinterpret_cast<const char*>(name), 16});
  if (!found) return 0;
  const bool done =
      set_mac(mac, found->key) == 1 &&
      EVP_DecryptInit_ex2(cipher, parts.ticket_cipher.get(), found->key.cipher_key.data(), iv, nullptr) == 1;
  OPENSSL_cleanse(&found->key, sizeof found->key);
  if (!done) return -1;
  return found->newest && SSL_version(ssl) != TLS1_3_VERSION ? 1 : 2;
}

int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
              int is_sealing) {
  const auto& parts = *static_cast<const TlsContext::Parts*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  return is_sealing == 1 ? seal_ticket(parts, name, iv, cipher, mac)
                         : open_ticket(parts, ssl, name, iv, cipher, mac);
}

}  // namespace

void seal_tickets_with_shared_keys(SSL_CTX* context) {
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
}

}  // namespace detail
}  // namespace weir::aio
