#include "pkg/gateway/h2_pool.hh"

#include <algorithm>
#include <utility>

namespace weir::gateway {

H2Pool::Session H2Pool::find() const {
  const auto found =
      std::ranges::find_if(sessions_, [](const Session& session) { return session->can_open(); });
  return found == sessions_.end() ? nullptr : *found;
}

void H2Pool::drain() {
  for (const Session& session : sessions_) session->drain();
}

aio::Task<Result<>> H2Pool::wait_for_other(aio::Deadline deadline) {
  aio::Event ended;
  ++waiters_;
  waiting_.push_back(&ended);
  const auto waited = co_await ended.wait(deadline);
  std::erase(waiting_, &ended);
  --waiters_;
  co_return waited;
}

void H2Pool::end_connecting() {
  --connecting_;
  for (aio::Event* waiting : std::exchange(waiting_, {})) waiting->set();
}

}  // namespace weir::gateway
