#include "pkg/gateway/pool.hh"

namespace weir::gateway {
namespace {

// A server that speaks without being asked, or that has closed, is of no use for the next request.
bool is_usable(aio::Stream& stream) {
  return !stream.peer_left() && stream.text().empty();
}

}  // namespace

aio::Stream Pool::take() {
  while (!idle_.empty()) {
    aio::Stream stream = std::move(idle_.back().stream);
    idle_.pop_back();
    if (is_usable(stream)) return stream;
  }
  return {};
}

void Pool::give_back(aio::Stream stream, aio::Deadline expires, size_t most) {
  if (idle_.size() < most && is_usable(stream)) idle_.push_back({std::move(stream), expires});
}

void Pool::prune(aio::Deadline now) {
  std::erase_if(idle_, [now](Idle& idle) { return idle.expires <= now || !is_usable(idle.stream); });
}

}  // namespace weir::gateway
