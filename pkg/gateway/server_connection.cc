#include "pkg/gateway/server_connection.hh"

#include "pkg/gateway/dial.hh"
#include "pkg/gateway/worker.hh"

namespace weir::gateway {
namespace {

Attempt attempt_of(const Error& error) {
  if (error.code == Errc::unavailable) return Attempt::unresolved;
  return error.code == Errc::timed_out ? Attempt::connect_timed_out : Attempt::connect_failed;
}

}  // namespace

aio::Task<Attempt> ServerConnection::open(Worker& worker, const Upstream& upstream, Server& server,
                                          Terms terms, std::string& reason) {
  close();
  connect_time_ = Duration{0};
  if (upstream.speaks_h2()) co_return co_await open_h2(worker, upstream, server, terms, reason);
  aio::Stream stream;
  const bool may_share = upstream.settings.send_proxy == SendProxy::off;
  if (may_share && !terms.only_fresh) stream = worker.pool(server).take();
  reused_ = stream.is_open();
  if (!reused_) {
    auto dialled = co_await dial_timed(worker, upstream, server, terms.client);
    if (!dialled) {
      reason = dialled.error().message;
      co_return attempt_of(dialled.error());
    }
    stream = std::move(*dialled);
  }
  side_ = &h1_.emplace(std::move(stream), terms.sends_chunks);
  co_return Attempt::ok;
}

aio::Task<Result<aio::Stream>> ServerConnection::dial_timed(Worker& worker, const Upstream& upstream,
                                                            Server& server, const Peer* client) {
  const auto start = MonotonicTime::clock::now();
  const aio::Deadline deadline = worker.loop().in(upstream.settings.connect_timeout);
  auto stream = co_await dial(worker.loop(), upstream, server, client, deadline);
  connect_time_ = MonotonicTime::clock::now() - start;
  co_return stream;
}

aio::Task<Attempt> ServerConnection::open_h2(Worker& worker, const Upstream& upstream, Server& server,
                                             Terms terms, std::string& reason) {
  H2Pool& pool = worker.h2_pool(server);
  auto session = terms.only_fresh ? nullptr : pool.find();
  reused_ = session != nullptr;
  if (!session) {
    // One connection at a time: requests that come meanwhile find room in it.
    const bool waited = co_await pool.wait_for_other(worker.loop().in(upstream.settings.connect_timeout));
    if (waited) session = pool.find();
  }
  if (!session) {
    const H2Pool::Connecting connecting(pool);
    auto dialled = co_await dial_timed(worker, upstream, server, nullptr);
    if (!dialled) {
      reason = dialled.error().message;
      co_return attempt_of(dialled.error());
    }
    session = worker.start_h2(pool, std::move(*dialled), upstream);
  }
  side_ = &h2_.emplace(session->open(), terms.target);
  co_return Attempt::ok;
}

void ServerConnection::close() {
  side_ = nullptr;
  h1_.reset();
  h2_.reset();
}

void ServerConnection::keep(Worker& worker, const Upstream& upstream, Server& server) {
  if (h1_ && upstream.settings.send_proxy == SendProxy::off) {
    const aio::Deadline expires = worker.loop().in(upstream.settings.keepalive_timeout);
    worker.pool(server).give_back(std::move(h1_->stream()), expires, upstream.settings.keepalive);
  }
  close();
}

}  // namespace weir::gateway
