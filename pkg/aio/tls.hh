// TLS: what a server or a client of it is told, made into a context that streams shake hands by
// (Stream::start_tls). Ciphers, groups and signatures are ours to choose: TLS 1.2 and 1.3, forward secrecy
// and authenticated encryption only; no compression, no renegotiation, no early data.
//
// A context never changes and may be used by all threads. A reload makes a new one; connections under way
// keep theirs.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pkg/aio/tls_sessions.hh"
#include "pkg/aio/tls_ticket_keys.hh"
#include "pkg/base/result.hh"

namespace weir::aio {

enum class TlsVersion { tls12, tls13 };
enum class ClientCertificate { none, optional, required };

// Two PEM files: the certificate with the intermediate ones behind it, and its private key.
struct TlsCertificate {
  std::string chain_file;
  std::string key_file;
  bool operator==(const TlsCertificate&) const = default;
};

struct TlsServerSettings {
  // Chosen by the name that the client asks for (SNI), among the names in the certificates, exact ones before
  // *.wildcards; the first serves all other names. A name may have one certificate of each kind of key.
  std::vector<TlsCertificate> certificates = {};
  std::vector<std::string> alpn = {};  // by preference; a client that offers none of them is refused
  TlsVersion min_version = TlsVersion::tls12;
  ClientCertificate client_certificate = ClientCertificate::none;
  std::string client_ca_file = {};  // who must have signed it
  bool session_tickets = true;
  std::shared_ptr<TicketKeys> ticket_keys = {};  // none: the context makes its own
};

struct TlsClientSettings {
  bool verify = true;
  std::string ca_file = {};         // none: the system's authorities
  std::string server_name = {};     // asked for and verified, where TlsTarget names no other
  TlsCertificate certificate = {};  // none: no file is named
  std::vector<std::string> alpn = {};
  TlsVersion min_version = TlsVersion::tls12;
};

class TlsContext {
 public:
  struct Parts;  // OpenSSL's side
  explicit TlsContext(std::unique_ptr<Parts> parts);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // What works and yet should be told to a person, such as a certificate that has expired.
  const std::vector<std::string>& warnings() const;
  const Parts& parts() const { return *parts_; }

 private:
  std::unique_ptr<Parts> parts_;
};

// Reads all files. Errors name the file and what is wrong with it.
Result<std::shared_ptr<const TlsContext>> make_server_context(const TlsServerSettings& settings);
Result<std::shared_ptr<const TlsContext>> make_client_context(const TlsClientSettings& settings);

// What one connection of a client wants other than its context says. No aggregate: GCC 12 would destroy a
// temporary of it twice where it is an argument of what is awaited.
struct TlsTarget {
  TlsTarget() = default;
  explicit TlsTarget(std::string name, std::shared_ptr<TlsSessions> of_server = {})
      : server_name(std::move(name)), sessions(std::move(of_server)) {}

  std::string server_name;                // a name or an address
  std::shared_ptr<TlsSessions> sessions;  // of that server; none: the context has one for all
};

// What a handshake agreed on. The views live as long as the stream.
struct TlsInfo {
  std::string_view alpn;         // empty: none
  std::string_view server_name;  // that the client asked for; empty: none
  std::string_view version;      // "TLSv1.3"
  std::string_view cipher;       // "TLS_AES_128_GCM_SHA256"
  bool resumed = false;
  std::string client_subject;  // of the client's verified certificate, as in RFC 2253; empty: none
};

std::string openssl_version();

}  // namespace weir::aio
