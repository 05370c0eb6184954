#include <fstream>

#include "tests/unit/aio_tls_pair.hh"

using namespace tls_test;

namespace {

std::string error_of(const TlsServerSettings& settings) {
  const auto made = make_server_context(settings);
  return made ? "" : made.error().message;
}

}  // namespace

TEST_CASE("an error names the file and what is wrong with it") {
  const Folder folder;
  const Authority authority(folder, "root");
  const auto a = authority.issue({"a.test", "DNS:a.test"});
  const auto b = authority.issue({"b.test", "DNS:b.test"});
  const std::string junk = folder.file("junk");
  std::ofstream(junk) << "not a certificate\n";
  const std::string locked = folder.file("locked");
  std::ofstream(locked)
      << "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
  const std::string cut = folder.file("cut");
  std::ofstream(cut) << std::ifstream(a.chain_file).rdbuf() << "-----BEGIN CERTIFICATE-----\nMAA=\n";

  CHECK(error_of({}) == "no certificate is given");
  CHECK(error_of({.certificates = {{folder.file("none"), a.key_file}}}) ==
        "certificate: " + folder.file("none") + ": No such file or directory");
  CHECK(error_of({.certificates = {{junk, a.key_file}}}) ==
        "certificate: " + junk + ": no certificate in PEM form (no start line)");
  CHECK(error_of({.certificates = {{cut, a.key_file}}})
            .starts_with("certificate: " + cut + ": certificate 2 cannot be read"));
  CHECK(error_of({.certificates = {{a.chain_file, junk}}})
            .starts_with("key: " + junk + ": no private key in PEM form"));
  CHECK(error_of({.certificates = {{a.chain_file, b.key_file}}}) ==
        "key: " + b.key_file + ": is not the key of " + a.chain_file);
  CHECK(error_of({.certificates = {{a.chain_file, locked}}}).find(locked) != std::string::npos);
  CHECK(
      error_of(
          {.certificates = {a}, .client_certificate = ClientCertificate::required, .client_ca_file = junk}) ==
      "client CA: " + junk + ": no certificate in PEM form (no start line)");
  CHECK(error_of({.certificates = {a}, .alpn = {""}}).find("ALPN") != std::string::npos);
  const auto client = make_client_context({.ca_file = folder.file("none")});
  REQUIRE_FALSE(client);
  CHECK(client.error().message == "CA: " + folder.file("none") + ": No such file or directory");
}

TEST_CASE("an expired certificate is a warning") {
  const Folder folder;
  const Authority authority(folder, "root");
  const auto expired = authority.issue({"old.test", "DNS:old.test", KeyKind::ecdsa, -60});
  const auto made = server_context({.certificates = {expired}});
  REQUIRE(made->warnings().size() == 1);
  CHECK(made->warnings()[0] == expired.chain_file + ": the certificate has expired");
}

TEST_CASE("ticket keys seal for a period, open for three, and are then forgotten") {
  TicketKeys::Clock::time_point now{std::chrono::hours(1000)};
  TicketKeys keys(now);
  const auto name_of = [](const TicketKey& key) {
    return std::string_view(reinterpret_cast<const char*>(key.name.data()), key.name.size());
  };
  const TicketKey first = keys.sealing_key(now);
  CHECK(keys.sealing_key(now + TicketKeys::kPeriod - 1s) == first);
  const TicketKey second = keys.sealing_key(now + TicketKeys::kPeriod);
  CHECK_FALSE(second == first);
  const auto found = keys.find(name_of(first), now + TicketKeys::kPeriod);
  REQUIRE(found);
  CHECK(found->key == first);
  CHECK_FALSE(found->newest);
  CHECK(keys.find(name_of(second), now + TicketKeys::kPeriod)->newest);
  CHECK_FALSE(keys.find(name_of(first), now + 3 * TicketKeys::kPeriod));
  CHECK_FALSE(keys.find("unknown", now));
}

TEST_CASE("ticket keys survive their export, and damage is refused") {
  TicketKeys keys;
  keys.rotate();
  const std::string bytes = keys.export_bytes();
  const auto imported = TicketKeys::import_bytes(bytes);
  REQUIRE(imported);
  CHECK((*imported)->export_bytes() == bytes);
  CHECK((*imported)->sealing_key() == keys.sealing_key());
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto cut = TicketKeys::import_bytes(bytes.substr(0, size));
    const bool at_a_key = size > 20 && (bytes.size() - size) % 88 == 0;
    CHECK(cut.has_value() == at_a_key);
  }
  CHECK_FALSE(TicketKeys::import_bytes(bytes + bytes.substr(bytes.size() - 176)));
}
