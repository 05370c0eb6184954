// A server on the test's own loop that gives every request the same answer, good or bad.
#pragma once

#include <memory>
#include <string>

#include "pkg/aio/listener.hh"
#include "pkg/aio/scope.hh"

namespace weir::health::test {

class Server {
 public:
  enum class Then { close, reset, hang };

  explicit Server(aio::Loop& loop, std::string where = "127.0.0.1:0") : loop_(loop), scope_(loop) {
    auto sockets = aio::open_listening(*Address::parse_listen(where), 1);
    if (!sockets) abort();
    address = *aio::local_address(sockets->front().get());
    listener_ = std::make_unique<aio::Listener>(
        *aio::Listener::start(loop, std::move(sockets->front()),
                              [this](aio::Stream stream) { scope_.spawn(serve(std::move(stream))); }));
  }

  aio::Task<> end() {
    listener_.reset();
    co_await scope_.close();
  }

  Address address;
  std::string answer;  // sent when a request's head has come
  Then then = Then::close;
  std::string request;     // the last one's head
  size_t connections = 0;  // so far
  size_t open = 0;         // now
  size_t most_open = 0;    // at a time

 private:
  aio::Task<> serve(aio::Stream stream) {
    ++connections;
    most_open = std::max(most_open, ++open);
    co_await talk(stream);
    --open;
  }
  aio::Task<> talk(aio::Stream& stream) {
    const aio::Deadline end = loop_.in(std::chrono::seconds(60));
    while (stream.text().find("\r\n\r\n") == std::string_view::npos) {
      const auto received = co_await stream.read_more(end);
      if (!received || *received == 0) co_return;
    }
    request = stream.text();
    const auto sent = co_await stream.write(answer, end);
    if (!sent || then == Then::close) co_return;
    if (then == Then::reset) {
      const linger at_once{1, 0};
      setsockopt(stream.descriptor(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      co_return;
    }
    stream.consume(stream.text().size());
    co_await stream.read_more(end);
  }

  aio::Loop& loop_;
  aio::Scope scope_;
  std::unique_ptr<aio::Listener> listener_;
};

}  // namespace weir::health::test
