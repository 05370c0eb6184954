// The idle connections of one worker to one upstream server. The last one used is the first taken: it is the
// least likely to have been closed by the other side, and the others can go idle for good.
#pragma once

#include <vector>

#include "pkg/aio/stream.hh"

namespace weir::gateway {

class Pool {
 public:
  // An idle connection that is still open, or a closed Stream when there is none.
  aio::Stream take();
  // Keeps `stream` until `expires`, unless `most` are kept already.
  void give_back(aio::Stream stream, aio::Deadline expires, size_t most);
  // Closes what the other side has closed, and what has been idle until `now`.
  void prune(aio::Deadline now);
  size_t size() const { return idle_.size(); }

 private:
  struct Idle {
    aio::Stream stream;
    aio::Deadline expires;
  };
  std::vector<Idle> idle_;
};

}  // namespace weir::gateway
