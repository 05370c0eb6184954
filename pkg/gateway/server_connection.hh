// The connection of one attempt: an idle one that is taken, or a new one; kept for others when it can serve
// again.
#pragma once

#include <optional>

#include "pkg/gateway/h1_server.hh"
#include "pkg/gateway/h2_server.hh"
#include "pkg/gateway/peer.hh"
#include "pkg/gateway/upstream.hh"

namespace weir::gateway {

class H2Pool;
class Worker;

class ServerConnection {
 public:
  // What the request is like.
  struct Terms {
    bool only_fresh = false;       // not one that has served before
    bool sends_chunks = false;     // the request's length is not known
    RequestTarget target = {};     // for servers that speak HTTP/2; points to what outlives the request
    const Peer* client = nullptr;  // for send_proxy
  };

  // Takes an idle connection, where there is one: what can be had without waiting needs no coroutine.
  bool take_idle(Worker& worker, const Upstream& upstream, const Server& server, bool sends_chunks);
  // Attempt::ok: is_open(). Otherwise `reason` says why not. `upstream` and `server` must outlive it.
  aio::Task<Attempt> open(Worker& worker, const Upstream& upstream, Server& server, Terms terms,
                          std::string& reason);
  void close();
  // Request and answer have ended where they should: others may use it.
  void keep(Worker& worker, const Upstream& upstream, Server& server);

  bool is_open() const { return side_ != nullptr; }
  bool is_reused() const { return reused_; }
  Duration connect_time() const { return connect_time_; }  // 0 where none was opened
  ServerSide& side() { return *side_; }
  aio::Stream& stream() { return h1_->stream(); }  // of a server that has switched protocols

 private:
  aio::Task<Result<aio::Stream>> dial_timed(Worker& worker, const Upstream& upstream, Server& server,
                                            const Peer* client, aio::Deadline deadline);
  aio::Task<Attempt> open_h2(Worker& worker, const Upstream& upstream, Server& server, Terms terms,
                             std::string& reason);
  aio::Task<Result<http::H2ClientStreamPtr>> begin_h2(Worker& worker, const Upstream& upstream,
                                                      Server& server, H2Pool& pool);

  std::optional<H1Server> h1_;
  std::optional<H2Server> h2_;
  ServerSide* side_ = nullptr;
  bool reused_ = false;
  Duration connect_time_{0};
};

}  // namespace weir::gateway
