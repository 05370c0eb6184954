#include "pkg/daemon/tls_section.hh"

#include <catch2/catch.hpp>
#include <optional>

#include "tests/unit/config_example.hh"

using namespace weir;
using namespace weir::daemon;

namespace {

struct Servers : TlsServersKeys {
  std::string name;
};

struct Config {
  std::optional<TlsListenerSection> tls;
  std::map<std::string, Servers> upstreams;
};

config::Table<Config> table() {
  config::Table<Servers> servers;
  servers.key("name", &Servers::name).doc("A name.");
  add_tls_servers_keys(servers);
  config::Table<Config> t;
  t.table("tls", &Config::tls, tls_listener_table()).doc("TLS.");
  t.map("upstream", &Config::upstreams, servers).example("app").doc("Servers.");
  return t;
}

using Outcome = std::expected<config::Loaded<Config>, config::Problems>;

Outcome load_text(std::string text) {
  const config::example::MemoryFiles files({{"x.toml", std::move(text)}});
  return config::load(table(), {"x.toml", {}, {}, &files});
}

std::string errors_of(const std::string& text) {
  const Outcome outcome = load_text(text);
  std::string all;
  if (!outcome) {
    for (const config::Problem& problem : outcome.error()) all += config::render(problem) + "\n";
  }
  return all;
}

}  // namespace

TEST_CASE("a listener's table becomes the settings of a server") {
  const Outcome loaded = load_text(R"(
[tls]
certificates = [{ certificate = "a.pem", key = "a.key" }, { certificate = "b.pem", key = "b.key" }]
client_ca = "clients.pem"
client_certificate = "optional"
min_version = "1.3"
session_tickets = false
)");
  REQUIRE(loaded);
  REQUIRE(loaded->value.tls);
  const aio::TlsServerSettings settings = server_settings(*loaded->value.tls);
  CHECK(settings.certificates == std::vector<aio::TlsCertificate>{{"a.pem", "a.key"}, {"b.pem", "b.key"}});
  CHECK(settings.client_ca_file == "clients.pem");
  CHECK(settings.client_certificate == aio::ClientCertificate::optional);
  CHECK(settings.min_version == aio::TlsVersion::tls13);
  CHECK_FALSE(settings.session_tickets);
  CHECK_FALSE(load_text("")->value.tls);
}

TEST_CASE("the servers' keys become the settings of a client") {
  const Outcome loaded = load_text(R"(
[upstream.app]
tls = true
tls_ca = "ca.pem"
tls_server_name = "app.internal"
tls_certificate = "me.pem"
tls_key = "me.key"
[upstream.lax]
tls = true
tls_verify = false
)");
  REQUIRE(loaded);
  const aio::TlsClientSettings app = client_settings(loaded->value.upstreams.at("app"));
  CHECK(app.verify);
  CHECK(app.ca_file == "ca.pem");
  CHECK(app.server_name == "app.internal");
  CHECK(app.certificate == aio::TlsCertificate{"me.pem", "me.key"});
  CHECK_FALSE(client_settings(loaded->value.upstreams.at("lax")).verify);
}

TEST_CASE("settings of TLS that contradict each other are errors at their place") {
  struct Row {
    std::string text;
    std::string error;
  };
  const std::string certificates = "certificates = [{ certificate = \"a\", key = \"b\" }]\n";
  for (const Row& row :
       {Row{"[tls]\n", "certificates"}, Row{"[tls]\ncertificates = []\n", "certificates"},
        Row{"[tls]\ncertificates = [{ certificate = \"a\" }]\n", "key"},
        Row{"[tls]\nclient_certificate = \"required\"\n" + certificates, "no client_ca is named"},
        Row{"[tls]\nclient_ca = \"x\"\n" + certificates, "set client_certificate"},
        Row{"[upstream.a]\ntls_ca = \"x\"\n", "tls is not set"},
        Row{"[upstream.a]\ntls = true\ntls_key = \"x\"\n", "go together"}}) {
    INFO(row.text);
    CHECK(errors_of(row.text).find(row.error) != std::string::npos);
  }
}
