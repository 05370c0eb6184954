// Contexts of servers.

#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <map>

#include "pkg/aio/tls_certificates.hh"
#include "pkg/aio/tls_context.hh"

namespace weir::aio {
namespace {

using detail::LoadedCertificate;

// Tickets are good for less than their keys are kept.
constexpr long kSessionSeconds = std::chrono::seconds(TicketKeys::kPeriod).count() * 3 / 2;

int on_server_name(SSL* ssl, int*, void* argument) {
  const auto& parts = *static_cast<const TlsContext::Parts*>(argument);
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  if (SSL_CTX* context = parts.context_for(name); context != parts.context()) SSL_set_SSL_CTX(ssl, context);
  return SSL_TLSEXT_ERR_OK;
}

int on_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
            unsigned offered_size, void* argument) {
  const auto& parts = *static_cast<const TlsContext::Parts*>(argument);
  unsigned char* selected = nullptr;
  const int result =
      SSL_select_next_proto(&selected, out_size, reinterpret_cast<const unsigned char*>(parts.alpn.data()),
                            static_cast<unsigned>(parts.alpn.size()), offered, offered_size);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;  // RFC 7301, 3.2
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

// Which clients a session vouches for: one made under other rules must not resume here.
Result<std::string> verification_identity(const TlsServerSettings& settings) {
  std::string identity(1, static_cast<char>('0' + static_cast<int>(settings.client_certificate)));
  if (settings.client_certificate == ClientCertificate::none) return identity;
  auto authorities = detail::load_chain(settings.client_ca_file);
  if (!authorities) return std::unexpected(std::move(authorities.error()).context("client CA"));
  const std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>> hash(EVP_MD_CTX_new());
  EVP_DigestInit_ex2(hash.get(), EVP_sha256(), nullptr);
  for (const X509Ptr& authority : *authorities) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    X509_digest(authority.get(), EVP_sha256(), digest, &size);
    EVP_DigestUpdate(hash.get(), digest, size);
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_DigestFinal_ex(hash.get(), digest, &size);
  identity.append(reinterpret_cast<const char*>(digest), SSL_MAX_SID_CTX_LENGTH - 1);
  return identity;
}

Result<> ask_for_certificates(SSL_CTX* context, const TlsServerSettings& settings) {
  if (settings.client_certificate == ClientCertificate::none) return {};
  const char* file = settings.client_ca_file.c_str();
  ERR_clear_error();
  STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(file);
  if (names == nullptr || SSL_CTX_load_verify_file(context, file) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return fail(Errc::invalid, "client CA: " + settings.client_ca_file + ": " + take_openssl_error());
  }
  SSL_CTX_set_client_CA_list(context, names);
  const bool required = settings.client_certificate == ClientCertificate::required;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  return {};
}

class ServerContext {
 public:
  explicit ServerContext(const TlsServerSettings& settings)
      : settings_(settings), parts_(std::make_unique<TlsContext::Parts>()) {}

  Result<std::shared_ptr<const TlsContext>> make() {
    parts_->is_server = true;
    if (auto loaded = load(); !loaded) return std::unexpected(loaded.error());
    std::map<std::string, Set> sets = sets_by_name();
    if (auto made = context_of(default_set(sets)); !made) return std::unexpected(made.error());
    for (const auto& [name, set] : sets) {
      auto context = context_of(set);
      if (!context) return std::unexpected(context.error());
      parts_->names.emplace(name, *context);
    }
    return std::make_shared<const TlsContext>(std::move(parts_));
  }

 private:
  using Set = std::vector<size_t>;  // indices of certificates, one of each kind of key

  Result<> load() {
    if (settings_.certificates.empty()) return fail(Errc::invalid, "no certificate is given");
    for (const TlsCertificate& files : settings_.certificates) {
      auto certificate = detail::load_certificate(files);
      if (!certificate) return std::unexpected(certificate.error());
      if (!certificate->warning.empty()) parts_->warnings.push_back(certificate->warning);
      certificates_.push_back(std::move(*certificate));
    }
    auto alpn = detail::alpn_on_the_wire(settings_.alpn);
    if (!alpn) return std::unexpected(alpn.error());
    parts_->alpn = std::move(*alpn);
    auto identity = verification_identity(settings_);
    if (!identity) return std::unexpected(identity.error());
    identity_ = std::move(*identity);
    parts_->ticket_keys = settings_.ticket_keys ? settings_.ticket_keys : std::make_shared<TicketKeys>();
    parts_->ticket_cipher.reset(EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr));
    return {};
  }

  std::map<std::string, Set> sets_by_name() {
    std::map<std::string, Set> sets;
    for (size_t i = 0; i < certificates_.size(); ++i) {
      for (const std::string& name : certificates_[i].names) {
        Set& set = sets[name];
        const bool has_kind = std::ranges::any_of(set, [&](size_t other) {
          return certificates_[other].key_type() == certificates_[i].key_type();
        });
        if (!has_kind) set.push_back(i);
      }
    }
    return sets;
  }

  Set default_set(const std::map<std::string, Set>& sets) const {
    const std::vector<std::string>& names = certificates_.front().names;
    return names.empty() ? Set{0} : sets.at(names.front());
  }

  Result<SSL_CTX*> context_of(const Set& set) {
    if (const auto made = made_.find(set); made != made_.end()) return made->second;
    SslContextPtr context(SSL_CTX_new(TLS_server_method()));
    if (!context) return fail(Errc::internal, "OpenSSL: " + take_openssl_error());
    if (auto configured = configure(context.get()); !configured) return std::unexpected(configured.error());
    for (const size_t index : set) {
      if (auto used = detail::use_certificate(context.get(), certificates_[index]); !used) {
        return std::unexpected(
            std::move(used.error()).context("certificate: " + settings_.certificates[index].chain_file));
      }
    }
    SSL_CTX* made = context.get();
    parts_->contexts.push_back(std::move(context));
    made_.emplace(set, made);
    return made;
  }

  Result<> configure(SSL_CTX* context) {
    if (auto set = detail::set_protocol(context, settings_.min_version); !set) return set;
    SSL_CTX_set_app_data(context, parts_.get());
    SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
    SSL_CTX_set_tlsext_servername_arg(context, parts_.get());
    if (!parts_->alpn.empty()) SSL_CTX_set_alpn_select_cb(context, on_alpn, parts_.get());
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets: the client keeps the session
    SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(identity_.data()),
                                   static_cast<unsigned>(identity_.size()));
    SSL_CTX_set_timeout(context, kSessionSeconds);
    if (settings_.session_tickets) {
      // One, not OpenSSL's two: each is 7% of a full handshake, and whoever resumes gets the next one.
      SSL_CTX_set_num_tickets(context, 1);
      detail::seal_tickets_with_shared_keys(context);
    } else {
      SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
      SSL_CTX_set_num_tickets(context, 0);  // else TLS 1.3 sends tickets for a cache that isn't there
    }
    return ask_for_certificates(context, settings_);
  }

  const TlsServerSettings& settings_;
  std::unique_ptr<TlsContext::Parts> parts_;
  std::vector<LoadedCertificate> certificates_;
  std::string identity_;
  std::map<Set, SSL_CTX*> made_;
};

}  // namespace

Result<std::shared_ptr<const TlsContext>> make_server_context(const TlsServerSettings& settings) {
  return ServerContext(settings).make();
}

}  // namespace weir::aio
