#include "cmd/weir-locker/watch.hh"

#include <algorithm>

namespace weir::locker {

Watch::Watch(Engine& engine, keyspace::KeyRange range, keyspace::Revision from)
    : Watch(engine, std::move(range), from, own_) {}

Watch::Watch(Engine& engine, keyspace::KeyRange range, keyspace::Revision from, aio::Event& arrived)
    : engine_(engine),
      range_(std::move(range)),
      next_(from > 0 ? from : engine.visible() + 1),
      arrived_(arrived) {
  engine_.watches_.push_back(this);
}

Watch::~Watch() {
  std::erase(engine_.watches_, this);
}

Result<std::vector<keyspace::Change>> Watch::take() {
  std::vector<keyspace::Change> taken;
  const keyspace::Revision until = engine_.visible();
  if (next_ > until) return taken;
  const auto first = engine_.keys().first_after(next_);
  if (!first) {
    return fail(Errc::limit, "changes before revision " + std::to_string(engine_.keys().forgotten() + 1) +
                                 " are not kept any more");
  }
  const auto& history = engine_.keys().history();
  for (size_t i = *first; i < history.size() && history[i].now->modified <= until; ++i) {
    if (range_.contains(history[i].now->key)) taken.push_back(history[i]);
  }
  next_ = until + 1;
  return taken;
}

aio::Event::Wait Watch::arrival(aio::Deadline deadline) {
  arrived_.reset();
  if (next_ <= engine_.visible()) arrived_.set();
  return arrived_.wait(deadline);
}

}  // namespace weir::locker
