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

bool ServerConnection::take_idle(Worker& worker, const Upstream& upstream, const Server& server,
                                 bool sends_chunks) {
  close();
  connect_time_ = Duration{0};
  if (upstream.speaks_h2() || upstream.settings.send_proxy != SendProxy::off) return false;
  aio::Stream stream = worker.pool(server).take();
  reused_ = stream.is_open();
  if (reused_) side_ = &h1_.emplace(std::move(stream), sends_chunks);
  return reused_;
}

aio::Task<Attempt> ServerConnection::open(Worker& worker, const Upstream& upstream, Server& server,
                                          Terms terms, std::string& reason) {
  if (!terms.only_fresh && take_idle(worker, upstream, server, terms.sends_chunks)) co_return Attempt::ok;
  close();
  connect_time_ = Duration{0};
  if (upstream.speaks_h2()) co_return co_await open_h2(worker, upstream, server, terms, reason);
  reused_ = false;
  const aio::Deadline deadline = worker.loop().in(upstream.settings.connect_timeout);
  auto dialled = co_await dial_timed(worker, upstream, server, terms.client, deadline);
  if (!dialled) {
    reason = dialled.error().message;
    co_return attempt_of(dialled.error());
  }
  side_ = &h1_.emplace(std::move(*dialled), terms.sends_chunks);
  co_return Attempt::ok;
}

aio::Task<Result<aio::Stream>> ServerConnection::dial_timed(Worker& worker, const Upstream& upstream,
                                                            Server& server, const Peer* client,
                                                            aio::Deadline deadline) {
  const auto start = MonotonicTime::clock::now();
  auto stream = co_await dial(worker.loop(), upstream, server, client, aio::FirstToSend::we, deadline);
  connect_time_ = MonotonicTime::clock::now() - start;
  co_return stream;
}

aio::Task<Attempt> ServerConnection::open_h2(Worker& worker, const Upstream& upstream, Server& server,
                                             Terms terms, std::string& reason) {
  H2Pool& pool = worker.h2_pool(server);
  auto session = terms.only_fresh ? nullptr : pool.find();
  reused_ = session != nullptr;
  // No more connections than it takes: requests that come meanwhile find room in them.
  const aio::Deadline deadline = worker.loop().in(upstream.settings.connect_timeout);
  while (!session && pool.is_room_coming()) {
    const auto waited = co_await pool.wait_for_other(deadline);
    if (!waited) break;
    session = pool.find();
  }
  if (session) {
    side_ = &h2_.emplace(session->open(), terms.target);
    co_return Attempt::ok;
  }
  auto stream = co_await begin_h2(worker, upstream, server, pool);
  if (!stream) {
    reason = stream.error().message;
    co_return attempt_of(stream.error());
  }
  side_ = &h2_.emplace(std::move(*stream), terms.target);
  co_return Attempt::ok;
}

// A server may take few requests at once, and says so first: one sent before might be refused.
aio::Task<Result<http::H2ClientStreamPtr>> ServerConnection::begin_h2(Worker& worker,
                                                                      const Upstream& upstream,
                                                                      Server& server, H2Pool& pool) {
  const H2Pool::Connecting connecting(pool);
  const aio::Deadline deadline = worker.loop().in(upstream.settings.connect_timeout);
  auto dialled = co_await dial_timed(worker, upstream, server, nullptr, deadline);
  if (!dialled) co_return std::unexpected(std::move(dialled.error()));
  const auto session = worker.start_h2(pool, std::move(*dialled), upstream);
  auto stream = session->open();
  auto settled = co_await session->await_settings(deadline);
  if (!settled) {
    session->drain();
    co_return std::unexpected(std::move(settled.error()));
  }
  pool.learn(session->most_streams());
  co_return stream;
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
