// OpenSSL's objects as owners, and its error queue as words. For the TLS files of this folder only.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace weir::aio {

template <auto Free>
struct FreeWith {
  void operator()(auto* object) const { Free(object); }
};
using SslContextPtr = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;
using X509Ptr = std::unique_ptr<X509, FreeWith<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using BioMethodPtr = std::unique_ptr<BIO_METHOD, FreeWith<BIO_meth_free>>;
using CipherPtr = std::unique_ptr<EVP_CIPHER, FreeWith<EVP_CIPHER_free>>;

// What this thread's queue of errors says, which is then empty: the first, for the others follow from it.
std::string take_openssl_error();
// Empties it, as SSL_get_error() wants before each call. There is hardly ever anything in it: to ask first
// spares ERR_clear_error()'s 840 instructions, of 9,000 that a small record costs.
void forget_openssl_errors();

}  // namespace weir::aio
