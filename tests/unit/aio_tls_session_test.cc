#include "tests/unit/aio_tls_pair.hh"

using namespace tls_test;

namespace {

struct Files {
  Folder folder;
  Authority authority{folder, "root"};
  TlsCertificate certificate = authority.issue({"a.test", "DNS:a.test"});
};

// One connection that passes a byte both ways, so that its tickets arrive; whether it was resumed.
Task<bool> is_resumed(Loop& loop, ContextPtr server, ContextPtr client, TlsTarget target) {
  Ends ends = co_await connect_ends(loop);
  const Agreed agreed = co_await shake(loop, ends, server, client, std::move(target));
  REQUIRE(agreed.server);
  REQUIRE(agreed.client);
  co_await must_send(loop, ends.client, "q");
  co_await must_receive(loop, ends.server, "q");
  co_await must_send(loop, ends.server, "a");
  co_await must_receive(loop, ends.client, "a");
  CHECK(ends.server.tls().resumed == ends.client.tls().resumed);
  CHECK(ends.server.tls().server_name == "a.test");
  co_return ends.client.tls().resumed;
}

}  // namespace

TEST_CASE("a client resumes its session, also after a reload and with another process's keys") {
  const Files files;
  const auto keys = std::make_shared<TicketKeys>();
  const auto moved = TicketKeys::import_bytes(keys->export_bytes());
  REQUIRE(moved);
  const auto server = server_context({.certificates = {files.certificate}, .ticket_keys = keys});
  const auto reloaded = server_context({.certificates = {files.certificate}, .ticket_keys = keys});
  const auto upgraded = server_context({.certificates = {files.certificate}, .ticket_keys = *moved});
  const auto stranger = server_context({.certificates = {files.certificate}});
  const auto client = client_context({.ca_file = files.authority.file(), .server_name = "a.test"});
  run([&](Loop& loop) -> Task<> {
    const bool first = co_await is_resumed(loop, server, client, TlsTarget());
    CHECK_FALSE(first);
    const bool second = co_await is_resumed(loop, server, client, TlsTarget());
    CHECK(second);
    const bool third = co_await is_resumed(loop, reloaded, client, TlsTarget());
    CHECK(third);
    const bool fourth = co_await is_resumed(loop, upgraded, client, TlsTarget());
    CHECK(fourth);
    keys->rotate();
    const bool fifth = co_await is_resumed(loop, server, client, TlsTarget());
    CHECK(fifth);
    const bool elsewhere = co_await is_resumed(loop, stranger, client, TlsTarget());
    CHECK_FALSE(elsewhere);
  });
}

TEST_CASE("sessions are kept apart where a target says so") {
  const Files files;
  const auto server = server_context({.certificates = {files.certificate}});
  const auto client = client_context({.ca_file = files.authority.file(), .server_name = "a.test"});
  const auto one = std::make_shared<TlsSessions>();
  const auto other = std::make_shared<TlsSessions>();
  run([&](Loop& loop) -> Task<> {
    const bool first = co_await is_resumed(loop, server, client, TlsTarget("a.test", one));
    CHECK_FALSE(first);
    const bool second = co_await is_resumed(loop, server, client, TlsTarget("a.test", other));
    CHECK_FALSE(second);
    const bool third = co_await is_resumed(loop, server, client, TlsTarget("a.test", one));
    CHECK(third);
  });
}

TEST_CASE("one session serves many connections that begin at once") {
  const Files files;
  const auto server = server_context({.certificates = {files.certificate}});
  const auto client = client_context({.ca_file = files.authority.file(), .server_name = "a.test"});
  run([&](Loop& loop) -> Task<> {
    const bool first = co_await is_resumed(loop, server, client, TlsTarget());
    CHECK_FALSE(first);
    for (int i = 0; i < 3; ++i) {  // none of which reads its tickets
      Ends ends = co_await connect_ends(loop);
      const Agreed agreed = co_await shake(loop, ends, server, client);
      REQUIRE(agreed.client);
      CHECK(ends.client.tls().resumed);
    }
  });
}

TEST_CASE("without tickets nothing is resumed") {
  const Files files;
  const auto server = server_context({.certificates = {files.certificate}, .session_tickets = false});
  const auto client = client_context({.ca_file = files.authority.file(), .server_name = "a.test"});
  run([&](Loop& loop) -> Task<> {
    const bool first = co_await is_resumed(loop, server, client, TlsTarget());
    CHECK_FALSE(first);
    const bool second = co_await is_resumed(loop, server, client, TlsTarget());
    CHECK_FALSE(second);
  });
}

TEST_CASE("a session made without a client's certificate does not resume where one is required") {
  const Files files;
  const auto keys = std::make_shared<TicketKeys>();
  const auto open = server_context({.certificates = {files.certificate}, .ticket_keys = keys});
  const auto strict = server_context({.certificates = {files.certificate},
                                      .client_certificate = ClientCertificate::required,
                                      .client_ca_file = files.authority.file(),
                                      .ticket_keys = keys});
  const auto client = client_context({.ca_file = files.authority.file(), .server_name = "a.test"});
  run([&](Loop& loop) -> Task<> {
    const bool first = co_await is_resumed(loop, open, client, TlsTarget());
    CHECK_FALSE(first);
    Ends ends = co_await connect_ends(loop);
    const Agreed agreed = co_await shake(loop, ends, strict, client);
    CHECK_FALSE(agreed.server);
  });
}
