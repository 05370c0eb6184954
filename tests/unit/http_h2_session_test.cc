// Both kinds of session over a loopback connection, with each other and with what is wrong.

#include <unistd.h>

#include <chrono>

#include "pkg/aio/connect.hh"
#include "pkg/aio/listener.hh"
#include "pkg/http/h2_client.hh"
#include "tests/unit/aio_run.hh"
#include "tests/unit/h2_wire.hh"

using namespace weir;
using namespace weir::http;
using namespace std::chrono_literals;

namespace {

const Address kAnyPort = *Address::parse_listen("127.0.0.1:0");

// A server whose answers the tests choose by path.
struct Origin {
  aio::Loop& loop;
  H2Settings settings;
  aio::Scope scope{loop};
  std::unique_ptr<aio::Listener> listener;
  Address address;
  std::vector<H2ServerSession*> sessions;
  size_t ended = 0;
  size_t cancelled = 0;
  uint64_t uploaded = 0;

  explicit Origin(aio::Loop& on, const H2Settings& with = {}) : loop(on), settings(with) {
    auto sockets = aio::open_listening(kAnyPort, 1);
    REQUIRE(sockets);
    address = *aio::local_address(sockets->front().get());
    auto started = aio::Listener::start(loop, std::move(sockets->front()), [this](aio::Stream stream) {
      scope.spawn(serve(std::move(stream)));
    });
    REQUIRE(started);
    listener = std::make_unique<aio::Listener>(std::move(*started));
  }

  aio::Task<> serve(aio::Stream stream) {
    H2ServerSession* self = nullptr;
    H2ServerSession session(loop, stream, settings, [&](H2ServerStreamPtr request) {
      self->scope().spawn(answer(std::move(request)));
    });
    self = &session;
    sessions.push_back(self);
    co_await session.run();
    std::erase(sessions, self);
    ++ended;
  }

  aio::Task<> answer(H2ServerStreamPtr request) {
    const std::string_view path = request->head.path;
    if (path == "/echo") {
      co_await echo(*request);
    } else if (path == "/refuse") {
      request->reset(H2Code::kRefusedStream);
    } else if (path == "/reset") {
      request->reset(H2Code::kInternalError);
    } else if (path == "/wait") {
      aio::TaskContext& me = co_await aio::this_task();
      request->watch(&me);
      const auto slept = co_await aio::sleep_until(loop.in(10s));
      if (!slept) ++cancelled;
    } else if (path == "/large") {
      const std::string large(5 << 20, 'x');
      const auto sent = co_await request->send({.status = 200, .piece = large, .last = true}, loop.in(200ms));
      if (!sent && sent.error().code == Errc::timed_out) ++cancelled;
    } else {
      const auto early = co_await request->send_interim(103, "Link: </style>\r\n", loop.in(5s));
      CHECK(early);
      const auto sent = co_await request->send(
          {.status = 200, .lines = "X-Path: a\r\n", .piece = path, .last = true}, loop.in(5s));
      CHECK(sent);
    }
  }

  aio::Task<> echo(H2ServerStream& request) {
    const auto begun = co_await request.send({.status = 200}, loop.in(5s));
    CHECK(begun);
    for (;;) {
      const auto piece = request.next_piece();
      const bool last = request.is_done();
      if (last || !piece->empty()) {
        uploaded += piece->size();
        const std::string_view trailers = last ? "X-Sum: 1\r\n" : "";
        const auto sent =
            co_await request.send({.piece = *piece, .last = last, .trailer_lines = trailers}, loop.in(5s));
        if (!sent || last) co_return;
        request.release();
        continue;
      }
      const auto received = co_await request.read_more(loop.in(5s));
      if (!received || *received == 0) co_return;
    }
  }

  aio::Task<> end() {
    listener.reset();
    co_await scope.close();
  }
};

struct Fetched {
  int status = 0;
  int interim = 0;
  std::string content;
  std::string trailer;
  Errc error = Errc::internal;
  H2End end = H2End::open;
};

aio::Task<> send_content(aio::Loop& loop, H2ClientStream& stream, std::string_view content) {
  const auto sent = co_await stream.send({.piece = content, .last = true}, loop.in(5s));
  CHECK(sent);
}

aio::Task<> receive(aio::Loop& loop, H2ClientStream& stream, Fetched& out) {
  ResponseHead head;
  for (;;) {
    const auto received = co_await stream.await_head(head, loop.in(5s));
    out.end = stream.end();
    if (!received) {
      out.error = received.error().code;
      co_return;
    }
    out.status = head.status;
    if (head.status >= 200) break;
    ++out.interim;
  }
  for (;;) {
    const auto piece = stream.next_piece();
    out.content += *piece;
    stream.release();
    if (stream.is_done()) break;
    const auto received = co_await stream.read_more(loop.in(5s));
    if (!received || *received == 0) break;
  }
  out.trailer = stream.trailers().find("x-sum").value_or("");
  out.end = stream.end();
}

aio::Task<Fetched> fetch(aio::Loop& loop, H2ClientSession& session, std::string path,
                         std::string content = {}) {
  Fetched out;
  REQUIRE(session.can_open());
  auto stream = session.open();
  const auto sent = co_await stream->send({.method = content.empty() ? "GET" : "POST",
                                           .scheme = "http",
                                           .authority = "origin",
                                           .path = path,
                                           .lines = "Accept: */*\r\n",
                                           .last = content.empty()},
                                          loop.in(5s));
  CHECK(sent);
  aio::Scope upload(loop);  // beside the download: an echo that nobody reads stalls
  if (!content.empty()) upload.spawn(send_content(loop, *stream, content));
  co_await receive(loop, *stream, out);
  co_await upload.close();
  co_return out;
}

aio::Task<> fetch_into(aio::Loop& loop, H2ClientSession& session, std::string path, std::string content,
                       Fetched& out) {
  out = co_await fetch(loop, session, std::move(path), std::move(content));
}

aio::Task<std::unique_ptr<H2ClientSession>> connect_to(aio::Loop& loop, const Address& address,
                                                       H2Settings settings = {}) {
  auto stream = co_await aio::connect(loop, address, loop.in(5s));
  REQUIRE(stream);
  co_return std::make_unique<H2ClientSession>(loop, std::move(*stream), settings);
}

aio::Task<> start(aio::Loop& loop, aio::Scope& scope, H2ClientSession& session) {
  CHECK_FALSE(session.can_open());
  scope.spawn(session.run());
  const auto settled = co_await session.await_settings(loop.in(5s));
  REQUIRE(settled);
}

}  // namespace

TEST_CASE("requests and answers pass between our client and our server") {
  run([](aio::Loop& loop) -> aio::Task<> {
    Origin origin(loop);
    aio::Scope scope(loop);
    auto session = co_await connect_to(loop, origin.address);
    co_await start(loop, scope, *session);
    const Fetched got = co_await fetch(loop, *session, "/hello");
    CHECK((got.status == 200 && got.interim == 1 && got.content == "/hello"));
    CHECK(got.end == H2End::complete);
    const std::string large(3 << 20, 'y');
    const Fetched echoed = co_await fetch(loop, *session, "/echo", large);
    CHECK((echoed.status == 200 && echoed.trailer == "1"));
    CHECK((echoed.content == large));
    CHECK(session->streams() == 0);
    session->drain();
    co_await scope.join();
    CHECK_FALSE(session->can_open());
    while (origin.ended == 0) co_await aio::yield();
    co_await origin.end();
  });
}

TEST_CASE("a hundred requests at once each get their own answer") {
  run([](aio::Loop& loop) -> aio::Task<> {
    Origin origin(loop);
    aio::Scope connection(loop);
    aio::Scope requests(loop);
    auto session = co_await connect_to(loop, origin.address);
    co_await start(loop, connection, *session);
    std::vector<Fetched> all(100);
    for (size_t i = 0; i < all.size(); ++i) {
      const std::string content(i % 2 == 0 ? 0 : 1000 * i, static_cast<char>('a' + i % 26));
      requests.spawn(
          fetch_into(loop, *session, content.empty() ? "/" + std::to_string(i) : "/echo", content, all[i]));
    }
    co_await requests.join();
    for (size_t i = 0; i < all.size(); ++i) {
      const std::string content(1000 * i, static_cast<char>('a' + i % 26));
      CHECK((all[i].content == (i % 2 == 0 ? "/" + std::to_string(i) : content)));
    }
    co_await connection.close();
    co_await origin.end();
  });
}

// A server that says that much, and then nothing.
aio::Task<> say(aio::Loop& loop, std::string bytes, aio::Stream stream) {
  const auto sent = co_await stream.write(bytes, loop.in(5s));
  CHECK(sent);
  while (true) {
    const auto more = co_await stream.read_more(loop.in(5s));
    if (!more || *more == 0) co_return;
    stream.consume(stream.text().size());
  }
}

TEST_CASE("a client begins nothing before the server has said what it takes") {
  using namespace h2wire;
  const std::string few = frame(kSettings, 0, 0, setting(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2));
  const std::vector<std::pair<std::string, std::optional<Errc>>> cases = {
      {few, std::nullopt},
      {few.substr(0, few.size() - 1), Errc::timed_out},
      {"", Errc::timed_out},
      {"HTTP/1.1 400 Bad Request\r\n\r\n", Errc::closed},
      {frame(kSettings, 0, 0, setting(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0)), Errc::refused},
  };
  for (const auto& [bytes, error] : cases) {
    CAPTURE(bytes);
    run([&bytes = bytes, &error = error](aio::Loop& loop) -> aio::Task<> {
      aio::Scope scope(loop);
      auto sockets = aio::open_listening(kAnyPort, 1);
      REQUIRE(sockets);
      const Address address = *aio::local_address(sockets->front().get());
      auto listener = aio::Listener::start(loop, std::move(sockets->front()), [&](aio::Stream stream) {
        scope.spawn(say(loop, bytes, std::move(stream)));
      });
      REQUIRE(listener);
      auto session = co_await connect_to(loop, address);
      scope.spawn(session->run());
      auto first = session->open();
      const auto settled = co_await session->await_settings(loop.in(error == Errc::timed_out ? 20ms : 5s));
      CHECK(settled.has_value() == !error);
      if (!settled) CHECK(settled.error().code == *error);
      CHECK(session->can_open() == settled.has_value());
      if (settled) {
        const auto second = session->open();
        CHECK_FALSE(session->can_open());  // for the first has its place
      }
      first.reset();
      co_await scope.close();
    });
  }
}

TEST_CASE("a client knows a request that was refused from one that was reset or lost") {
  run([](aio::Loop& loop) -> aio::Task<> {
    Origin origin(loop);
    aio::Scope scope(loop);
    auto session = co_await connect_to(loop, origin.address);
    co_await start(loop, scope, *session);
    const Fetched refused = co_await fetch(loop, *session, "/refuse");
    CHECK((refused.error == Errc::refused && refused.end == H2End::refused));
    const Fetched reset = co_await fetch(loop, *session, "/reset");
    CHECK((reset.error == Errc::closed && reset.end == H2End::reset));
    Fetched lost;
    scope.spawn(fetch_into(loop, *session, "/wait", "", lost));
    while (origin.sessions.empty() || origin.sessions[0]->streams() == 0) co_await aio::yield();
    co_await origin.end();  // closes the connection under it
    co_await scope.join();
    CHECK((lost.error == Errc::closed && lost.end == H2End::lost));
    CHECK_FALSE(session->can_open());
  });
}

TEST_CASE("a server's work is cancelled when the client gives up or goes away") {
  run([](aio::Loop& loop) -> aio::Task<> {
    Origin origin(loop);
    aio::Scope scope(loop);
    auto session = co_await connect_to(loop, origin.address);
    co_await start(loop, scope, *session);
    auto stream = session->open();
    const auto sent = co_await stream->send(
        {.method = "GET", .scheme = "http", .authority = "a", .path = "/wait", .last = true}, loop.in(5s));
    CHECK(sent);
    while (origin.sessions.empty() || origin.sessions[0]->streams() == 0) co_await aio::yield();
    stream.reset();
    while (origin.cancelled == 0) co_await aio::yield();
    Fetched lost;
    scope.spawn(fetch_into(loop, *session, "/wait", "", lost));
    while (origin.sessions[0]->streams() == 0) co_await aio::yield();
    co_await scope.close();
    while (origin.cancelled == 1) co_await aio::yield();
    CHECK(origin.cancelled == 2);
    co_await origin.end();
  });
}

TEST_CASE("sending waits for the peer's window no longer than its deadline") {
  run([](aio::Loop& loop) -> aio::Task<> {
    Origin origin(loop);
    aio::Scope scope(loop);
    auto session = co_await connect_to(loop, origin.address);
    co_await start(loop, scope, *session);
    auto stream = session->open();  // nobody takes what comes
    const auto sent = co_await stream->send(
        {.method = "GET", .scheme = "http", .authority = "a", .path = "/large", .last = true}, loop.in(5s));
    CHECK(sent);
    while (origin.cancelled == 0) co_await aio::yield();
    const Fetched other = co_await fetch(loop, *session, "/other");
    CHECK(other.status == 200);  // the stalled one held up nobody
    stream.reset();
    co_await scope.close();
    co_await origin.end();
  });
}

TEST_CASE("a server that drains answers what it has and ends") {
  run([](aio::Loop& loop) -> aio::Task<> {
    Origin origin(loop);
    aio::Scope scope(loop);
    auto session = co_await connect_to(loop, origin.address);
    co_await start(loop, scope, *session);
    auto stream = session->open();
    const auto sent = co_await stream->send(
        {.method = "POST", .scheme = "http", .authority = "a", .path = "/echo"}, loop.in(5s));
    CHECK(sent);
    ResponseHead head;
    const auto begun = co_await stream->await_head(head, loop.in(5s));
    CHECK(begun);
    origin.sessions[0]->drain();
    while (session->can_open()) co_await aio::yield();
    const auto rest = co_await stream->send({.piece = "late", .last = true}, loop.in(5s));
    CHECK(rest);
    while (!stream->is_done()) {
      const auto more = co_await stream->read_more(loop.in(5s));
      REQUIRE((more && *more > 0));
      if (stream->next_piece()->size() == 4) stream->release();
    }
    CHECK(stream->content_bytes() == 4);
    stream.reset();
    co_await scope.join();
    while (origin.ended == 0) co_await aio::yield();
    co_await origin.end();
  });
}

TEST_CASE("a connection without streams is ended when it is idle for too long") {
  run([](aio::Loop& loop) -> aio::Task<> {
    Origin origin(loop, {.idle_timeout = 20ms});
    aio::Scope scope(loop);
    auto session = co_await connect_to(loop, origin.address);
    co_await start(loop, scope, *session);
    const Fetched got = co_await fetch(loop, *session, "/");
    CHECK(got.status == 200);
    co_await scope.join();
    while (origin.ended == 0) co_await aio::yield();
    co_await origin.end();
  });
}

TEST_CASE("a client that begins and does not go on is sent away with a reason") {
  for (const std::string& bytes :
       {std::string(), std::string("PRI * HT"), h2wire::kPreface, h2wire::kGreeting + "\0\0",
        h2wire::kGreeting + h2wire::frame(h2wire::kHeaders, 0, 1, "\x82")}) {
    run([bytes](aio::Loop& loop) -> aio::Task<> {
      Origin origin(loop, {.head_timeout = 20ms, .idle_timeout = 20ms});
      auto stream = co_await aio::connect(loop, origin.address, loop.in(5s));
      REQUIRE(stream);
      const auto sent = co_await stream->write(bytes, loop.in(5s));
      CHECK(sent);
      for (;;) {
        const auto received = co_await stream->read_more(loop.in(5s));
        REQUIRE(received);
        if (*received == 0) break;
      }
      std::string all(stream->text());
      const auto frames = h2wire::take_frames(all);
      CHECK(frames.back().type == h2wire::kGoaway);
      stream->close();
      while (origin.ended == 0) co_await aio::yield();
      co_await origin.end();
    });
  }
}

TEST_CASE("our last word is read although more was being sent to us") {
  run([](aio::Loop& loop) -> aio::Task<> {
    Origin origin(loop);
    auto stream = co_await aio::connect(loop, origin.address, loop.in(5s));
    REQUIRE(stream);
    const std::string bytes = h2wire::kGreeting + h2wire::get(2) + std::string(60'000, 'x');
    const auto sent = co_await stream->write(bytes, loop.in(5s));
    CHECK(sent);
    const auto more = co_await stream->write(std::string_view(bytes).substr(1000), loop.in(5s));
    CHECK(more);
    for (;;) {
      const auto received = co_await stream->read_more(loop.in(5s));
      REQUIRE(received);
      if (*received == 0) break;
    }
    std::string all(stream->text());
    CHECK(h2wire::take_frames(all).back().type == h2wire::kGoaway);
    stream->close();
    while (origin.ended == 0) co_await aio::yield();
    co_await origin.end();
  });
}
