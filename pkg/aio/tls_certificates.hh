// Certificates and keys out of PEM files.
#pragma once

#include <string>
#include <vector>

#include "pkg/aio/openssl.hh"
#include "pkg/aio/tls.hh"

namespace weir::aio::detail {

struct LoadedCertificate {
  X509Ptr leaf;
  std::vector<X509Ptr> chain;
  KeyPtr key;
  std::vector<std::string> names;  // the DNS names it is for, in lower case
  std::string warning;             // empty: none
  int key_type() const;            // OpenSSL's number of the kind of key
};

Result<LoadedCertificate> load_certificate(const TlsCertificate& files);
Result<> use_certificate(SSL_CTX* context, const LoadedCertificate& certificate);

Result<std::vector<X509Ptr>> load_chain(const std::string& file);

}  // namespace weir::aio::detail
