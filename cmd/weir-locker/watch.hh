// Follows the changes of a range of keys, from a revision on, as they become durable.
//
//   Watch watch(engine, range, from);
//   for (;;) {
//     auto changes = watch.take();            // maybe none
//     …
//     co_await watch.arrival(deadline);
//   }
#pragma once

#include "cmd/weir-locker/engine.hh"

namespace weir::locker {

class Watch {
 public:
  // From `from` on; 0: what comes from now on.
  Watch(Engine& engine, keyspace::KeyRange range, keyspace::Revision from = 0);
  // One of several that a task follows: `arrived` is set, instead of arrival(), when there may be something
  // to take. It must outlive the watch.
  Watch(Engine& engine, keyspace::KeyRange range, keyspace::Revision from, aio::Event& arrived);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // Those that came since the last time. Errc::limit: some of them are not kept any more; the watch has
  // ended.
  Result<std::vector<keyspace::Change>> take();
  // Until there may be something to take, or the deadline.
  aio::Event::Wait arrival(aio::Deadline deadline);

 private:
  friend class Engine;
  Engine& engine_;
  const keyspace::KeyRange range_;
  keyspace::Revision next_;
  aio::Event own_;
  aio::Event& arrived_;
};

}  // namespace weir::locker
