#include "pkg/aio/tls_certificates.hh"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstring>

#include "pkg/base/text.hh"

namespace weir::aio::detail {
namespace {

struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};
struct FreeNames {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

Result<BioPtr> open_file(const std::string& file) {
  errno = 0;
  BioPtr bio(BIO_new_file(file.c_str(), "r"));
  const int reason = errno;
  ERR_clear_error();
  if (!bio) return fail_errno(file, reason);
  return bio;
}

// Never asks on a terminal.
int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Result<KeyPtr> load_key(const std::string& file) {
  auto bio = open_file(file);
  if (!bio) return std::unexpected(bio.error());
  bool is_encrypted = false;
  KeyPtr key(PEM_read_bio_PrivateKey(bio->get(), nullptr, no_passphrase, &is_encrypted));
  const std::string why = take_openssl_error();
  if (is_encrypted) return fail(Errc::invalid, file + ": the key is encrypted; a daemon has nobody to ask");
  if (!key) return fail(Errc::invalid, file + ": no private key in PEM form (" + why + ")");
  return key;
}

std::string lower(const ASN1_STRING* text) {
  return to_lower({reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                   static_cast<size_t>(ASN1_STRING_length(text))});
}

std::vector<std::string> names_of(const X509* certificate) {
  std::vector<std::string> names;
  const std::unique_ptr<GENERAL_NAMES, FreeNames> alternatives(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(alternatives.get(), i);
    if (name->type == GEN_DNS) names.push_back(lower(name->d.dNSName));
  }
  return names;
}

std::string warning_about(const X509* certificate, const std::string& file) {
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
    return file + ": the certificate has expired";
  if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
    return file + ": the certificate is not valid yet";
  }
  return {};
}

}  // namespace

int LoadedCertificate::key_type() const {
  return EVP_PKEY_get_base_id(key.get());
}

Result<std::vector<X509Ptr>> load_chain(const std::string& file) {
  auto bio = open_file(file);
  if (!bio) return std::unexpected(bio.error());
  std::vector<X509Ptr> chain;
  while (X509* certificate = PEM_read_bio_X509(bio->get(), nullptr, nullptr, nullptr)) {
    chain.emplace_back(certificate);
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string why = take_openssl_error();
  if (chain.empty()) return fail(Errc::invalid, file + ": no certificate in PEM form (" + why + ")");
  if (!at_end) {
    return fail(Errc::invalid,
                file + ": certificate " + std::to_string(chain.size() + 1) + " cannot be read (" + why + ")");
  }
  return chain;
}

Result<LoadedCertificate> load_certificate(const TlsCertificate& files) {
  auto chain = load_chain(files.chain_file);
  if (!chain) return std::unexpected(std::move(chain.error()).context("certificate"));
  auto key = load_key(files.key_file);
  if (!key) return std::unexpected(std::move(key.error()).context("key"));
  LoadedCertificate loaded;
  loaded.leaf = std::move(chain->front());
  chain->erase(chain->begin());
  loaded.chain = std::move(*chain);
  loaded.key = std::move(*key);
  if (X509_check_private_key(loaded.leaf.get(), loaded.key.get()) != 1) {
    ERR_clear_error();
    return fail(Errc::invalid, "key: " + files.key_file + ": is not the key of " + files.chain_file);
  }
  loaded.names = names_of(loaded.leaf.get());
  loaded.warning = warning_about(loaded.leaf.get(), files.chain_file);
  return loaded;
}

Result<> use_certificate(SSL_CTX* context, const LoadedCertificate& certificate) {
  const std::unique_ptr<STACK_OF(X509), FreeStack> chain(sk_X509_new_null());
  for (const X509Ptr& link : certificate.chain) sk_X509_push(chain.get(), link.get());
  ERR_clear_error();
  if (SSL_CTX_use_cert_and_key(context, certificate.leaf.get(), certificate.key.get(), chain.get(), 1) != 1) {
    return fail(Errc::invalid, take_openssl_error());
  }
  return {};
}

}  // namespace weir::aio::detail
