// TLS in config files: the same keys in every daemon, for listeners and for servers that are connected to.
#pragma once

#include <string>
#include <vector>

#include "pkg/aio/tls.hh"
#include "pkg/config/table.hh"

namespace weir::daemon {

// One of `certificates` in a listener's TLS table.
struct TlsCertificateSection {
  std::string certificate;
  std::string key;
};

// A listener's [tls]: a std::optional<TlsListenerSection> member, which is set where its clients speak TLS.
struct TlsListenerSection {
  std::vector<TlsCertificateSection> certificates;
  std::string client_ca;
  aio::ClientCertificate client_certificate = aio::ClientCertificate::none;
  aio::TlsVersion min_version = aio::TlsVersion::tls12;
  bool session_tickets = true;
};

config::Table<TlsListenerSection> tls_listener_table();

// The daemon adds what is not the user's to say: the protocols it speaks, and the ticket keys that outlive a
// reload.
aio::TlsServerSettings server_settings(const TlsListenerSection& section);

// The keys by which a group of servers is reached over TLS; its section derives from this.
struct TlsServersKeys {
  bool tls = false;
  std::string tls_ca;
  std::string tls_server_name;
  bool tls_verify = true;
  std::string tls_certificate;
  std::string tls_key;
  bool operator==(const TlsServersKeys&) const = default;
};

// The servers' TLS. What it leaves open is the name where tls_server_name is empty: the host of each server's
// address, by aio::TlsTarget.
aio::TlsClientSettings client_settings(const TlsServersKeys& keys);

namespace detail {

void check_servers_keys(const TlsServersKeys& keys, config::Report& report);

}  // namespace detail

template <typename Section>
void add_tls_servers_keys(config::Table<Section>& table) {
  // A member of the base, as one of the section.
  const auto of = []<typename M>(M TlsServersKeys::*member) -> M Section::* { return member; };
  table.key("tls", of(&TlsServersKeys::tls)).doc("Whether the servers are spoken to over TLS.");
  table.key("tls_ca", of(&TlsServersKeys::tls_ca))
      .example("/etc/weir/ca.pem")
      .doc("A PEM file of the authorities that may vouch for the servers. Empty means the system's.");
  table.key("tls_server_name", of(&TlsServersKeys::tls_server_name))
      .example("app.internal")
      .doc(
          "The name that is asked for and that the servers' certificates must bear. Empty means the host in "
          "each "
          "server's address.");
  table.key("tls_verify", of(&TlsServersKeys::tls_verify))
      .doc(
          "Whether the servers' certificates are verified. Without it anyone in between can read and change "
          "all.");
  table.key("tls_certificate", of(&TlsServersKeys::tls_certificate))
      .example("/etc/weir/client.pem")
      .doc(
          "A PEM file of the certificate, and the chain behind it, that is shown to servers that ask for "
          "one.");
  table.key("tls_key", of(&TlsServersKeys::tls_key))
      .example("/etc/weir/client.key")
      .doc("The PEM file of that certificate's private key.");
  table.check(
      [](const Section& section, config::Report& report) { detail::check_servers_keys(section, report); });
}

}  // namespace weir::daemon
