#include "pkg/aio/tls_engine.hh"

#include "tests/unit/aio_tls_pair.hh"

using namespace tls_test;

namespace {

using EnginePtr = std::unique_ptr<TlsEngine>;

// Two engines, and what is on its way between them.
struct Wire {
  Folder folder;
  Authority authority{folder, "root"};
  BufferPool pool;
  EnginePtr server = make(server_context({.certificates = {authority.issue({"a.test", "DNS:a.test"})}}));
  EnginePtr client = make(client_context({.ca_file = authority.file(), .server_name = "a.test"}));

  EnginePtr make(ContextPtr context) {
    auto made = TlsEngine::make(pool, std::move(context), TlsTarget());
    REQUIRE(made);
    return std::move(*made);
  }
  std::string take_output(TlsEngine& from) {
    std::string bytes(from.output.bytes());
    from.output.release(pool);
    return bytes;
  }
};

TlsStep feed_handshake(TlsEngine& engine, std::string_view bytes, size_t step_size) {
  TlsStep step = TlsStep::wants_input;
  while (!bytes.empty() && step == TlsStep::wants_input) {
    engine.input = bytes.substr(0, step_size);
    bytes.remove_prefix(engine.input.size());
    step = engine.handshake();
    if (step == TlsStep::done) CHECK(bytes.empty());
  }
  return step;
}

std::string feed(TlsEngine& engine, std::string_view bytes, size_t step_size, TlsStep& step) {
  std::string plain;
  char buffer[5000];
  step = TlsStep::wants_input;
  while (!bytes.empty() && step == TlsStep::wants_input) {
    engine.input = bytes.substr(0, step_size);
    bytes.remove_prefix(engine.input.size());
    size_t count = 0;
    while ((step = engine.open(buffer, count)) == TlsStep::done) plain.append(buffer, count);
  }
  return plain;
}

std::string seal(Wire& wire, TlsEngine& engine, std::vector<std::string_view> parts) {
  std::string sealed;
  size_t left = 0;
  for (const std::string_view part : parts) left += part.size();
  while (left > 0) {
    size_t count = 0;
    REQUIRE(engine.seal(parts, count) == TlsStep::done);
    REQUIRE(count > 0);
    left -= count;
    sealed += wire.take_output(engine);
  }
  return sealed;
}

void shake(Wire& wire, size_t step_size) {
  REQUIRE(wire.client->handshake() == TlsStep::wants_input);
  REQUIRE(feed_handshake(*wire.server, wire.take_output(*wire.client), step_size) == TlsStep::wants_input);
  REQUIRE(feed_handshake(*wire.client, wire.take_output(*wire.server), step_size) == TlsStep::done);
  REQUIRE(feed_handshake(*wire.server, wire.take_output(*wire.client), step_size) == TlsStep::done);
}

}  // namespace

TEST_CASE("records may arrive byte by byte") {
  for (const size_t step_size : {1u, 7u, 100'000u}) {
    Wire wire;
    shake(wire, step_size);
    TlsStep step{};
    CHECK(feed(*wire.client, wire.take_output(*wire.server), step_size, step).empty());  // tickets
    CHECK(step == TlsStep::wants_input);
    const std::string text(40'000, 't');
    const std::string sealed = seal(wire, *wire.client, {"head ", text, "", " tail"});
    CHECK((feed(*wire.server, sealed, step_size, step) == "head " + text + " tail"));
    wire.server->end();
    CHECK(feed(*wire.client, wire.take_output(*wire.server), step_size, step).empty());
    CHECK(step == TlsStep::ended);
    size_t count = 0;
    std::string_view part = "x";
    CHECK(wire.server->seal({&part, 1}, count) == TlsStep::failed);
  }
}

TEST_CASE("a full buffer and a head before it become one output") {
  Wire wire;
  shake(wire, 100'000);
  wire.server->output.release(wire.pool);
  const std::string head(400, 'h');
  const std::string body(Buffer::kCapacity, 'b');
  std::string_view parts[] = {head, body};
  size_t count = 0;
  REQUIRE(wire.server->seal(parts, count) == TlsStep::done);
  CHECK(count == head.size() + body.size());
}

TEST_CASE("parts of every size come out as they went in") {
  Wire wire;
  shake(wire, 100'000);
  TlsStep step{};
  feed(*wire.client, wire.take_output(*wire.server), 100'000, step);
  std::string text;
  for (size_t i = 0; i < 400'000; ++i) text += static_cast<char>(i * 31 % 251);
  const std::string_view all = text;
  for (const size_t first : {0u, 1u, 16'383u, 16'384u, 16'385u, 66'000u, 200'000u}) {
    for (const size_t second : {0u, 1u, 16'384u, 65'536u, 131'072u}) {
      const std::string_view third = all.substr(first + second, 20'000);
      const std::string sealed =
          seal(wire, *wire.server, {all.substr(0, first), all.substr(first, second), third});
      CAPTURE(first, second);
      CHECK((feed(*wire.client, sealed, 100'000, step) == all.substr(0, first + second + third.size())));
    }
  }
}
