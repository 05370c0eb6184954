#include "pkg/daemon/event_hub.hh"

#include <algorithm>
#include <catch2/catch.hpp>
#include <thread>

#include "tests/unit/aio_run.hh"

using namespace weir;
using namespace weir::daemon;
using namespace std::chrono_literals;

namespace {

const WallTime kStart{1000ms};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// A client that reads until it has seen `last`; while its gate is closed it takes nothing.
class Client final : public http::BodyWriter {
 public:
  Client(aio::Loop& loop, std::string last, bool is_open = true) : loop_(loop), last_(std::move(last)) {
    if (is_open) gate.set();
  }
  aio::Task<Result<>> write(std::string_view piece) override {
    const std::string taken(piece);
    const auto opened = co_await gate.wait(loop_.in(10s));
    if (!opened) co_return opened;
    text += taken;
    arrived.set();
    if (contains(text, last_)) co_return fail(Errc::closed, "has seen enough");
    co_return Result<>();
  }
  std::string text;
  aio::Event gate;
  aio::Event arrived;

 private:
  aio::Loop& loop_;
  const std::string last_;
};

}  // namespace

TEST_CASE("an event is an object with an id, a type and a time") {
  run([](aio::Loop& loop) -> aio::Task<> {
    EventHub hub(loop, kStart);
    hub.publish("breaker", {{"server", "a\nb"}, {"count", uint64_t{3}}, {"share", 0.5}, {"open", true}});
    Client client(loop, "\"open\":true}\n\n");
    co_await hub.serve("1000-0", client);
    CHECK(contains(client.text, "id: 1000-1\nevent: breaker\ndata: {\"time\":\""));
    CHECK(contains(client.text,
                   R"(Z","event":"breaker","server":"a\nb","count":3,"share":0.500,"open":true})"));
  });
}

TEST_CASE("without an id a client hears what comes, not what was") {
  run([](aio::Loop& loop) -> aio::Task<> {
    EventHub hub(loop, kStart);
    hub.publish("before");
    Client client(loop, "event: after");
    aio::Scope scope(loop);
    scope.spawn(hub.serve("", client));
    CHECK(hub.clients() == 1);
    hub.publish("after");
    co_await scope.join();
    CHECK_FALSE(contains(client.text, "before"));
    CHECK(hub.clients() == 0);
  });
}

TEST_CASE("a client that comes back goes on behind its last event") {
  run([](aio::Loop& loop) -> aio::Task<> {
    EventHub hub(loop, kStart);
    for (const char* type : {"one", "two", "three"}) hub.publish(type);
    Client client(loop, "event: three");
    co_await hub.serve("1000-1", client);
    CHECK_FALSE(contains(client.text, "event: one"));
    CHECK(contains(client.text, "event: two"));
    CHECK_FALSE(contains(client.text, "event: missed"));
  });
}

TEST_CASE("a client whose last event is not known here is told and gets all that is kept") {
  const std::string last_id = GENERATE("999-3", "1000-99", "1000-x", "nonsense", "1000-", "-1");
  CAPTURE(last_id);
  run([&last_id](aio::Loop& loop) -> aio::Task<> {
    EventHub hub(loop, kStart);
    hub.publish("one");
    hub.publish("two");
    Client client(loop, "event: two");
    co_await hub.serve(last_id, client);
    CHECK(contains(client.text, "event: missed"));
    CHECK(contains(client.text, "event: one"));
  });
}

TEST_CASE("only so many events are kept, in number and in bytes") {
  run([](aio::Loop& loop) -> aio::Task<> {
    EventHub hub(loop, kStart);
    for (size_t i = 0; i < EventHub::kMostEvents + 10; ++i) hub.publish("small");
    Client client(loop, "id: 1000-" + std::to_string(EventHub::kMostEvents + 10));
    co_await hub.serve("1000-1", client);
    CHECK(contains(client.text, "event: missed"));
    CHECK(contains(client.text, "id: 1000-11\n"));
    CHECK_FALSE(contains(client.text, "id: 1000-10\n"));

    const std::string large(EventHub::kMostEventBytes - 100, 'x');
    for (size_t i = 0; i < 100; ++i) hub.publish("large", {{"text", large}});
    Client second(loop, "id: 1000-" + std::to_string(EventHub::kMostEvents + 110));
    co_await hub.serve("1000-1", second);
    CHECK(second.text.size() <= EventHub::kMostBytes + 100);
    CHECK(second.text.size() > EventHub::kMostBytes / 2);
  });
}

TEST_CASE("an event that is too long is replaced by word of it") {
  run([](aio::Loop& loop) -> aio::Task<> {
    EventHub hub(loop, kStart);
    hub.publish("huge", {{"text", std::string(EventHub::kMostEventBytes, 'x')}});
    Client client(loop, "event: huge");
    co_await hub.serve("1000-0", client);
    CHECK(contains(client.text, "\"too_long\":true"));
  });
}

TEST_CASE("a client that falls behind what is kept loses its connection, and is counted") {
  run([](aio::Loop& loop) -> aio::Task<> {
    EventHub hub(loop, kStart);
    Client slow(loop, "never", false);
    Client quick(loop, "event: end");
    aio::Scope scope(loop);
    scope.spawn(hub.serve("", slow));
    scope.spawn(hub.serve("", quick));
    // The quick one takes each batch before the next comes.
    for (size_t i = 0; i < EventHub::kMostEvents + 10; ++i) {
      hub.publish("step");
      if (i % 500 != 0) continue;
      quick.arrived.reset();
      const auto arrived = co_await quick.arrived.wait(loop.in(10s));
      CHECK(arrived);
    }
    hub.publish("end");
    co_await scope.join();
    CHECK(slow.text.empty());
    CHECK(contains(quick.text, "event: end"));
    CHECK(hub.dropped_clients() == 1);
  });
}

TEST_CASE("events of many threads all arrive, each once, in the order of their ids") {
  run([](aio::Loop& loop) -> aio::Task<> {
    constexpr size_t kThreads = 4;
    constexpr size_t kEach = 200;
    EventHub hub(loop, kStart);
    Client client(loop, "id: 1000-" + std::to_string(kThreads * kEach));
    aio::Scope scope(loop);
    scope.spawn(hub.serve("", client));
    std::vector<std::thread> threads;
    for (size_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&hub] {
        for (size_t n = 0; n < kEach; ++n) hub.publish("tick");
      });
    }
    co_await scope.join();
    for (std::thread& thread : threads) thread.join();
    size_t at = 0;
    for (size_t id = 1; id <= kThreads * kEach && at != std::string::npos; ++id)
      at = client.text.find("id: 1000-" + std::to_string(id) + "\n", at);
    CHECK(at != std::string::npos);
  });
}
