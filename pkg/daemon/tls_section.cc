#include "pkg/daemon/tls_section.hh"

namespace weir::daemon {
namespace {

config::Table<TlsCertificateSection> certificate_table() {
  config::Table<TlsCertificateSection> t;
  t.key("certificate", &TlsCertificateSection::certificate)
      .required()
      .example("/etc/weir/example.com.pem")
      .doc("A PEM file: the certificate, and behind it the intermediate ones.");
  t.key("key", &TlsCertificateSection::key)
      .required()
      .example("/etc/weir/example.com.key")
      .doc("The PEM file of its private key, without a passphrase.");
  return t;
}

void check(const TlsListenerSection& section, config::Report& report) {
  const bool asks = section.client_certificate != aio::ClientCertificate::none;
  if (asks && section.client_ca.empty()) {
    report.error("client_certificate", "client certificates are asked for, but no client_ca is named");
  }
  if (!asks && !section.client_ca.empty()) {
    report.error("client_ca", "no client certificate is asked for; set client_certificate");
  }
}

}  // namespace

config::Table<TlsListenerSection> tls_listener_table() {
  config::Table<TlsListenerSection> t;
  t.array("certificates", &TlsListenerSection::certificates, certificate_table())
      .required()
      .at_least(1)
      .doc(
          "The certificates. Each serves the names it bears; a name may have one of each kind of key (ECDSA "
          "and "
          "RSA). The first one serves clients that ask for any other name, or for none. The files are read "
          "again "
          "on reload.");
  t.key("client_ca", &TlsListenerSection::client_ca)
      .example("/etc/weir/clients.pem")
      .doc("A PEM file of the authorities whose client certificates are accepted.");
  t.choice("client_certificate", &TlsListenerSection::client_certificate,
           {{"none", aio::ClientCertificate::none},
            {"optional", aio::ClientCertificate::optional},
            {"required", aio::ClientCertificate::required}})
      .doc(
          "Whether clients are asked for a certificate. One that is shown must be good in any case; with "
          "required "
          "there must be one.");
  t.choice("min_version", &TlsListenerSection::min_version,
           {{"1.2", aio::TlsVersion::tls12}, {"1.3", aio::TlsVersion::tls13}})
      .doc("The lowest version of TLS that is spoken.");
  t.key("session_tickets", &TlsListenerSection::session_tickets)
      .doc("Whether clients may resume a session, which spares both sides most of a handshake's work.");
  t.check(check);
  return t;
}

aio::TlsServerSettings server_settings(const TlsListenerSection& section) {
  aio::TlsServerSettings settings;
  for (const TlsCertificateSection& files : section.certificates) {
    settings.certificates.push_back({files.certificate, files.key});
  }
  settings.client_ca_file = section.client_ca;
  settings.client_certificate = section.client_certificate;
  settings.min_version = section.min_version;
  settings.session_tickets = section.session_tickets;
  return settings;
}

aio::TlsClientSettings client_settings(const TlsServersKeys& keys) {
  aio::TlsClientSettings settings;
  settings.verify = keys.tls_verify;
  settings.ca_file = keys.tls_ca;
  settings.server_name = keys.tls_server_name;
  settings.certificate = {keys.tls_certificate, keys.tls_key};
  return settings;
}

void detail::check_servers_keys(const TlsServersKeys& keys, config::Report& report) {
  if (keys.tls_certificate.empty() != keys.tls_key.empty()) {
    report.error(keys.tls_key.empty() ? "tls_certificate" : "tls_key",
                 "tls_certificate and tls_key go together");
  }
  const bool is_told = !keys.tls_ca.empty() || !keys.tls_server_name.empty() || !keys.tls_verify ||
                       !keys.tls_certificate.empty();
  if (is_told && !keys.tls) report.error("tls", "there are settings of TLS, but tls is not set");
}

}  // namespace weir::daemon
