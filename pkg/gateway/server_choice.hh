// The server for a request or a connection: what its upstream's algorithm chooses among those that may be
// asked now. Kept while the work is under way, for it is what the server's load is counted by.
#pragma once

#include <string_view>
#include <vector>

#include "pkg/balance/pool.hh"
#include "pkg/gateway/upstream.hh"

namespace weir::gateway {

// Whom a client would like to be served by.
struct Preference {
  uint64_t key = 0;         // for algorithms that place by one
  std::string_view sticky;  // the name of the server that has served this client; empty: none
};

class ServerChoice {
 public:
  // Forgets who was tried.
  void reset();

  // Chooses one that was not tried yet, or, when all were, one of those. False when none may be asked: their
  // breakers are open, they are full, or there is none.
  bool choose(const balance::View& view, const Upstream& upstream, const Preference& preference,
              Random& random, MonotonicTime now);

  Server* server() const { return server_; }  // null: none is chosen
  // How it went, for the breaker and the pool. A choice that is dropped without says nothing.
  void succeeded(const Upstream& upstream, Duration latency, MonotonicTime now);
  void failed(const Upstream& upstream, Duration latency, MonotonicTime now);
  // Nothing speaks against the server, which is all that is known: for the breaker only.
  void accepted(MonotonicTime now) { permit_.success(now); }
  void abandon() { permit_.abandon(); }
  // The server has done its part: what is left to do is no load on it.
  void release_load() { in_flight_ = {}; }

 private:
  bool take(balance::Member& member, const Upstream& upstream, MonotonicTime now);

  balance::InFlight in_flight_;
  std::shared_ptr<balance::Member> member_;  // keeps the server alive
  resilience::Permit permit_;
  Server* server_ = nullptr;
  std::vector<const balance::Member*> tried_;
};

}  // namespace weir::gateway
