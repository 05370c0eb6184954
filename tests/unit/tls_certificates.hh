// Certificates made on the spot, for tests: authorities, and what they sign, as PEM files in a folder.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "pkg/aio/tls.hh"

namespace tls_test {

struct FreeOpenssl {
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
using X509Ptr = std::unique_ptr<X509, FreeOpenssl>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeOpenssl>;
using BioPtr = std::unique_ptr<BIO, FreeOpenssl>;

// A folder that is gone at the end of the test.
class Folder {
 public:
  Folder() {
    char name[] = "/tmp/weir-tls-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

enum class KeyKind { ecdsa, rsa };

struct Wanted {
  std::string common_name;
  std::string names;  // "DNS:a.test,DNS:*.a.test"
  KeyKind kind = KeyKind::ecdsa;
  long seconds_left = 3600;
};

class Authority {
 public:
  Authority(const Folder& folder, const std::string& name) : folder_(folder), key_(make_key(KeyKind::ecdsa)) {
    certificate_ = make({.common_name = name, .names = {}}, key_.get(), true);
    file_ = folder.file(name + ".ca.pem");
    write(file_, certificate_.get());
  }

  const std::string& file() const { return file_; }

  weir::aio::TlsCertificate issue(const Wanted& wanted) const {
    const KeyPtr key = make_key(wanted.kind);
    const X509Ptr certificate = make(wanted, key.get(), false);
    const std::string stem = folder_.file(wanted.common_name + (wanted.kind == KeyKind::rsa ? ".rsa" : ""));
    weir::aio::TlsCertificate files{stem + ".pem", stem + ".key"};
    write(files.chain_file, certificate.get());
    const BioPtr out(BIO_new_file(files.key_file.c_str(), "w"));
    REQUIRE(PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
    return files;
  }

 private:
  static KeyPtr make_key(KeyKind kind) {
    return KeyPtr(kind == KeyKind::rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"));
  }

  X509Ptr make(const Wanted& wanted, EVP_PKEY* key, bool is_authority) const {
    X509Ptr made(X509_new());
    X509_set_version(made.get(), X509_VERSION_3);
    static long serial = 0;
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -7200);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), wanted.seconds_left);
    X509_set_pubkey(made.get(), key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(wanted.common_name.c_str()), -1, -1, 0);
    const X509* issuer = is_authority ? made.get() : certificate_.get();
    X509_set_issuer_name(made.get(), X509_get_subject_name(issuer));
    extend(made.get(), NID_basic_constraints, is_authority ? "critical,CA:TRUE" : "CA:FALSE");
    if (!wanted.names.empty()) extend(made.get(), NID_subject_alt_name, wanted.names);
    REQUIRE(X509_sign(made.get(), key_.get(), EVP_sha256()) != 0);
    return made;
  }

  static void extend(X509* certificate, int what, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, what, value.c_str());
    REQUIRE(extension != nullptr);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }

  static void write(const std::string& file, X509* certificate) {
    const BioPtr out(BIO_new_file(file.c_str(), "w"));
    REQUIRE(out);
    PEM_write_bio_X509(out.get(), certificate);
  }

  const Folder& folder_;
  KeyPtr key_;
  X509Ptr certificate_;
  std::string file_;
};

}  // namespace tls_test
