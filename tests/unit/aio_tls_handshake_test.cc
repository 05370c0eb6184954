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
