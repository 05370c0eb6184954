#include "tests/unit/aio_tls_pair.hh"

using namespace tls_test;

TEST_CASE("two ends shake hands and exchange bytes") {
  const Folder folder;
  const Authority authority(folder, "root");
  const auto server = server_context({.certificates = {authority.issue({"a.test", "DNS:a.test"})}});
  const auto client = client_context({.ca_file = authority.file(), .server_name = "a.test"});
  run([&](Loop& loop) -> Task<> {
    Ends ends = co_await connect_ends(loop);
    const Agreed agreed = co_await shake(loop, ends, server, client);
    if (!agreed.server) FAIL(agreed.server.error().message);
    if (!agreed.client) FAIL(agreed.client.error().message);
    CHECK(ends.server.is_tls());
    co_await must_send(loop, ends.client, "a question");
    co_await must_receive(loop, ends.server, "a question");
    co_await must_send(loop, ends.server, "an answer");
    co_await must_receive(loop, ends.client, "an answer");
    CHECK(ends.server.bytes_in() == 10);
    CHECK(ends.server.bytes_out() == 9);
    CHECK(ends.server.tls().version == "TLSv1.3");
    CHECK(ends.server.tls().cipher == "TLS_AES_128_GCM_SHA256");
    CHECK(ends.server.tls().server_name == "a.test");
  });
}

TEST_CASE("a certificate is chosen by the name that is asked for") {
  const Folder folder;
  const Authority authority(folder, "root");
  const TlsServerSettings settings{
      .certificates = {authority.issue({"first.test", "DNS:first.test,DNS:both.test"}),
                       authority.issue({"both.test", "DNS:both.test", KeyKind::rsa}),
                       authority.issue({"wild.test", "DNS:*.wild.test,DNS:wild.test"})}};
  const auto server = server_context(settings);
  struct Row {
    const char* asked;
    bool is_trusted;  // the name stands in the certificate that was shown
  };
  for (const Row& row : {Row{"first.test", true}, Row{"both.test", true}, Row{"WILD.test", true},
                         Row{"a.wild.test", true}, Row{"a.b.wild.test", false}, Row{"other.test", false}}) {
    const auto client = client_context({.ca_file = authority.file(), .server_name = row.asked});
    run([&](Loop& loop) -> Task<> {
      Ends ends = co_await connect_ends(loop);
      const Agreed agreed = co_await shake(loop, ends, server, client);
      INFO(row.asked);
      CHECK(agreed.client.has_value() == row.is_trusted);
    });
  }
}

TEST_CASE("a client refuses whom it has no reason to trust") {
  const Folder folder;
  const Authority ours(folder, "ours");
  const Authority theirs(folder, "theirs");
  const auto good = ours.issue({"a.test", "DNS:a.test,IP:127.0.0.1"});
  const auto expired = ours.issue({"old.test", "DNS:a.test", KeyKind::ecdsa, -3600});
  struct Row {
    TlsCertificate shown;
    std::string ca_file;
    std::string name;
    std::string why;  // empty: it is accepted
  };
  const std::vector<Row> rows{{good, ours.file(), "a.test", ""},
                              {good, ours.file(), "127.0.0.1", ""},
                              {good, ours.file(), "b.test", "hostname mismatch"},
                              {good, ours.file(), "127.0.0.2", "IP address mismatch"},
                              {good, theirs.file(), "a.test", "unable to get local issuer certificate"},
                              {good, "", "a.test", "unable to get local issuer certificate"},
                              {expired, ours.file(), "a.test", "certificate has expired"},
                              {good, ours.file(), "", "no name is known"}};
  for (const Row& row : rows) {
    const auto server = server_context({.certificates = {row.shown}});
    const auto client = client_context({.ca_file = row.ca_file, .server_name = row.name});
    run([&](Loop& loop) -> Task<> {
      Ends ends = co_await connect_ends(loop);
      const Agreed agreed = co_await shake(loop, ends, server, client);
      INFO(row.name << " " << row.why);
      CHECK(agreed.client.has_value() == row.why.empty());
      if (agreed.client) co_return;
      CHECK(agreed.client.error().message.find(row.why) != std::string::npos);
      CHECK(agreed.client.error().message.starts_with("TLS handshake: "));
      CHECK_FALSE(agreed.server.has_value());
    });
  }
}

TEST_CASE("a client that does not verify accepts anyone") {
  const Folder folder;
  const Authority authority(folder, "root");
  const auto server = server_context({.certificates = {authority.issue({"a.test", "DNS:a.test"})}});
  const auto client = client_context({.verify = false});
  run([&](Loop& loop) -> Task<> {
    Ends ends = co_await connect_ends(loop);
    const Agreed agreed = co_await shake(loop, ends, server, client);
    CHECK(agreed.client);
    CHECK(agreed.server);
    CHECK(ends.server.tls().server_name.empty());
  });
}

TEST_CASE("a server asks for client certificates as it is told") {
  const Folder folder;
  const Authority ours(folder, "ours");
  const Authority theirs(folder, "theirs");
  const auto shown = ours.issue({"a.test", "DNS:a.test"});
  const auto known = ours.issue({"Jo, the client", ""});
  const auto unknown = theirs.issue({"stranger", ""});
  struct Row {
    ClientCertificate policy;
    TlsCertificate certificate;
    bool accepted;
    std::string subject;
  };
  const std::vector<Row> rows{{ClientCertificate::none, known, true, ""},
                              {ClientCertificate::optional, {}, true, ""},
                              {ClientCertificate::optional, known, true, "CN=Jo\\, the client"},
                              {ClientCertificate::optional, unknown, false, ""},
                              {ClientCertificate::required, {}, false, ""},
                              {ClientCertificate::required, known, true, "CN=Jo\\, the client"},
                              {ClientCertificate::required, unknown, false, ""}};
  for (const Row& row : rows) {
    const auto server = server_context(
        {.certificates = {shown}, .client_certificate = row.policy, .client_ca_file = ours.file()});
    const auto client =
        client_context({.ca_file = ours.file(), .server_name = "a.test", .certificate = row.certificate});
    run([&](Loop& loop) -> Task<> {
      Ends ends = co_await connect_ends(loop);
      const Agreed agreed = co_await shake(loop, ends, server, client);
      CHECK(agreed.server.has_value() == row.accepted);
      if (agreed.server) {
        CHECK(ends.server.tls().client_subject == row.subject);
      } else {
        // In TLS 1.3 a client learns of it only when it reads.
        const auto received = co_await ends.client.read_more(loop.in(5s));
        REQUIRE_FALSE(received);
        CHECK(received.error().code == Errc::closed);
        CHECK(received.error().message.find("TLS: ") != std::string::npos);
      }
    });
  }
}

TEST_CASE("the server's preference among the offered protocols decides") {
  const Folder folder;
  const Authority authority(folder, "root");
  const auto certificate = authority.issue({"a.test", "DNS:a.test"});
  const auto server = server_context({.certificates = {certificate}, .alpn = {"h2", "http/1.1"}});
  struct Row {
    std::vector<std::string> offered;
    std::string agreed;
    bool accepted;
  };
  const std::vector<Row> rows{{{"http/1.1", "h2"}, "h2", true},
                              {{"http/1.1"}, "http/1.1", true},
                              {{}, "", true},
                              {{"imap"}, "", false}};
  for (const Row& row : rows) {
    const auto client =
        client_context({.ca_file = authority.file(), .server_name = "a.test", .alpn = row.offered});
    run([&](Loop& loop) -> Task<> {
      Ends ends = co_await connect_ends(loop);
      const Agreed agreed = co_await shake(loop, ends, server, client);
      CHECK(agreed.server.has_value() == row.accepted);
      CHECK(agreed.client.has_value() == row.accepted);
      if (!row.accepted) co_return;
      CHECK(ends.server.tls().alpn == row.agreed);
      CHECK(ends.client.tls().alpn == row.agreed);
    });
  }
}

TEST_CASE("the lowest version is the one that is configured") {
  const Folder folder;
  const Authority authority(folder, "root");
  const auto certificate = authority.issue({"a.test", "DNS:a.test", KeyKind::rsa});
  const auto server = server_context({.certificates = {certificate}, .min_version = TlsVersion::tls13});
  run([&](Loop& loop) -> Task<> {
    Ends ends = co_await connect_ends(loop);
    // A ClientHello of TLS 1.2, without the extension by which 1.3 is offered.
    const std::string hello(
        "\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03"
        "0123456789abcdef0123456789abcdef"
        "\x00\x00\x02\xc0\x2f\x01\x00\x00\x00",
        52);
    Agreed agreed;
    Scope scope(loop);
    scope.spawn(start_into(ends.server, server, loop.in(5s), TlsTarget(), agreed.server));
    co_await must_send(loop, ends.client, hello);
    co_await scope.join();
    REQUIRE_FALSE(agreed.server);
    CHECK(agreed.server.error().message == "TLS handshake: unsupported protocol");
  });
}

TEST_CASE("a handshake ends at its deadline, when it is cancelled, and when the peer leaves or babbles") {
  const Folder folder;
  const Authority authority(folder, "root");
  const auto server = server_context({.certificates = {authority.issue({"a.test", "DNS:a.test"})}});
  run([&](Loop& loop) -> Task<> {
    Ends late = co_await connect_ends(loop);
    const auto timed_out = co_await late.server.start_tls(server, loop.in(10ms));
    REQUIRE_FALSE(timed_out);
    CHECK(timed_out.error().code == Errc::timed_out);
    CHECK(timed_out.error().message == "TLS handshake: reading: timed out");

    Ends cancelled = co_await connect_ends(loop);
    Result<> ended_with;
    Scope scope(loop);
    scope.spawn(start_into(cancelled.server, server, loop.in(1h), TlsTarget(), ended_with));
    co_await scope.close();
    REQUIRE_FALSE(ended_with);
    CHECK(ended_with.error().code == Errc::cancelled);

    Ends left = co_await connect_ends(loop);
    left.client.close();
    const auto closed = co_await left.server.start_tls(server, loop.in(5s));
    REQUIRE_FALSE(closed);
    CHECK(closed.error().code == Errc::closed);

    Ends plain = co_await connect_ends(loop);
    co_await must_send(loop, plain.client, "GET / HTTP/1.1\r\n\r\n");
    const auto refused = co_await plain.server.start_tls(server, loop.in(5s));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::refused);
    CHECK(refused.error().message == "TLS handshake: http request");
  });
}

TEST_CASE("bytes before and behind the handshake are not lost") {
  const Folder folder;
  const Authority authority(folder, "root");
  const auto server = server_context({.certificates = {authority.issue({"a.test", "DNS:a.test"})}});
  const auto client = client_context({.ca_file = authority.file(), .server_name = "a.test"});
  run([&](Loop& loop) -> Task<> {
    Ends ends = co_await connect_ends(loop);
    co_await must_send(loop, ends.client, "PROXY UNKNOWN\r\n");
    Result<> ended_with;
    Scope scope(loop);
    scope.spawn(start_into(ends.client, client, loop.in(5s), TlsTarget(), ended_with));
    while (ends.server.text().size() < 100) {
      const auto received = co_await ends.server.read_more(loop.in(5s));
      REQUIRE(received);
    }
    ends.server.consume(15);
    const auto started = co_await ends.server.start_tls(server, loop.in(5s));
    REQUIRE(started);
    co_await scope.join();
    REQUIRE(ended_with);
    CHECK(ends.server.bytes_in() == 15);
    co_await must_send(loop, ends.client, "question");
    co_await must_receive(loop, ends.server, "question");
  });
}
