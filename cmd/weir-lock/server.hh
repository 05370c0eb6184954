// The lock server, as its HTTP API has it: each call is one request, and its answer a value.
#pragma once

#include "cmd/weir-lock/answers.hh"
#include "pkg/http/client.hh"

namespace weir::locking {

struct ServerSettings {
  http::Endpoint endpoint;
  std::string token = {};
  std::shared_ptr<const aio::TlsContext> tls = {};
};

// Why a call has failed: what callers decide on.
struct Trouble {
  enum class Kind {
    unreachable,  // no answer, or that it cannot serve now: trying again may help
    denied,       // it wants a token, or another one
    missing,      // there is no such session, or it does not have the lock
    held,         // by others, for as long as was waited
    wrong,        // the request, as the server sees it
    full,         // the server: it has as many locks or sessions as it may
    foreign,      // what answers there is no lock server
  };
  Kind kind;
  std::string message;
};
// No more than what a conflict is: as flock(1) does, who asked for it is told by the exit status alone.
bool is_plainly_held(const Trouble& trouble);

template <typename T = void>
using Reply = std::expected<T, Trouble>;

enum class Mode { exclusive, shared, semaphore };

struct Claim {
  std::vector<std::string> names;  // all or none
  Mode mode = Mode::exclusive;
  uint64_t permits = 0;  // of a semaphore
  std::string text = {};
  std::string reason = {};
};

// One connection, one call at a time.
class Server {
 public:
  Server(aio::Loop& loop, const ServerSettings& settings);

  aio::Task<Reply<SessionState>> begin_session(Duration ttl, std::string reason, aio::Deadline deadline);
  aio::Task<Reply<SessionState>> keep_alive(std::string session, aio::Deadline deadline);
  aio::Task<Reply<>> end_session(std::string session, aio::Deadline deadline);

  // For a session that there is. Patience: none is for ever.
  aio::Task<Reply<Grant>> take(Claim claim, std::string session, std::optional<Duration> patience,
                               aio::Deadline deadline);
  // At once or not at all, for a session of its own that lives for `ttl`.
  aio::Task<Reply<Grant>> take_for(Claim claim, Duration ttl, aio::Deadline deadline);
  aio::Task<Reply<>> release(std::string name, std::string session, aio::Deadline deadline);

  aio::Task<Reply<LockState>> look(std::string name, aio::Deadline deadline);
  // Once something about it has changed after that revision, or `wait` is over.
  aio::Task<Reply<LockState>> look_after(std::string name, uint64_t revision, Duration wait,
                                         aio::Deadline deadline);
  aio::Task<Reply<LockList>> list(std::string prefix, aio::Deadline deadline);

  // What happens from now on to the locks whose names begin so: after this, each event as JSON.
  aio::Task<Reply<>> follow(std::string prefix, aio::Deadline deadline);
  // Pieces of the stream that follow() began; empty at its end.
  aio::Task<Reply<std::string>> read(aio::Deadline deadline);

 private:
  aio::Task<Reply<std::string>> call(http::ClientRequest request, aio::Deadline deadline);
  Trouble unreachable(const Error& error) const;
  aio::Task<Reply<Grant>> take(std::string body, aio::Deadline deadline);

  http::Endpoint endpoint_;
  http::Client client_;
};

}  // namespace weir::locking
