#include "pkg/gateway/server_connection.hh"

#include "pkg/aio/connect.hh"
#include "pkg/gateway/worker.hh"

namespace weir::gateway {

aio::Task<Attempt> ServerConnection::open(Worker& worker, const Upstream& upstream, Server& server,
                                          Terms terms, std::string& reason) {
  close();
  connect_time_ = Duration{0};
  aio::Stream stream;
  if (!terms.only_fresh) stream = worker.pool(server).take();
  reused_ = stream.is_open();
  if (!reused_) {
    const auto address = server.next_address();
    if (!address) {
      reason = "the server's name does not resolve";
      co_return Attempt::unresolved;
    }
    const auto start = MonotonicTime::clock::now();
    const aio::Deadline deadline = worker.loop().in(upstream.settings.connect_timeout);
    auto connected = co_await aio::connect(worker.loop(), *address, deadline);
    connect_time_ = MonotonicTime::clock::now() - start;
    if (!connected) {
      reason = connected.error().message;
      const bool late = connected.error().code == Errc::timed_out;
      co_return late ? Attempt::connect_timed_out : Attempt::connect_failed;
    }
    stream = std::move(*connected);
  }
  side_ = &h1_.emplace(std::move(stream), terms.sends_chunks);
  co_return Attempt::ok;
}

void ServerConnection::close() {
  side_ = nullptr;
  h1_.reset();
}

void ServerConnection::keep(Worker& worker, const Upstream& upstream, Server& server) {
  if (h1_) {
    const aio::Deadline expires = worker.loop().in(upstream.settings.keepalive_timeout);
    worker.pool(server).give_back(std::move(h1_->stream()), expires, upstream.settings.keepalive);
  }
  close();
}

}  // namespace weir::gateway
