#include "cmd/weir-locker/metrics.hh"

#include "cmd/weir-locker/engine.hh"

namespace weir::locker {

Metrics::Metrics(metrics::Registry& registry) {
  const auto counter = [&](const char* what) {
    return registry.counter("weir_lock_events_total", "What has happened to claims on locks.",
                            {{"event", what}});
  };
  claimed_ = counter("claimed");
  granted_ = counter("granted");
  released_ = counter("released");
  withdrawn_ = counter("withdrawn");
  expired_ = counter("expired");
  forced_ = counter("forced");
}

void Metrics::count(const Happening& happening) {
  switch (happening.kind) {
    case lock::Happening::Kind::claimed:
      return claimed_->add();
    case lock::Happening::Kind::granted:
      return granted_->add();
    case lock::Happening::Kind::withdrawn:
      return withdrawn_->add();
    case lock::Happening::Kind::released:
      break;
  }
  switch (happening.cause) {
    case Cause::client:
    case Cause::given_up:
      return released_->add();
    case Cause::expired:
      return expired_->add();
    case Cause::forced:
      return forced_->add();
  }
}

void Metrics::register_state(metrics::Registry& registry, const Engine& engine) {
  const auto gauge = [&](const char* name, const char* help, auto read) {
    registry.gauge_callback(name, help, {}, [&engine, read] {
      return static_cast<double>(engine.inspect(
          [&](const keyspace::Keyspace& keys, const lock::Index& locks) { return read(keys, locks); }));
    });
  };
  using Keys = keyspace::Keyspace;
  using Locks = lock::Index;
  gauge("weir_locker_keys", "Keys: claims on locks, and what etcd clients have put.",
        [](const Keys& keys, const Locks&) { return keys.size(); });
  gauge("weir_locker_sessions", "Sessions, leases of Redis and etcd clients among them.",
        [](const Keys& keys, const Locks&) { return keys.leases().size(); });
  gauge("weir_locker_locks", "Locks that somebody holds.",
        [](const Keys&, const Locks& locks) { return locks.size(); });
  gauge("weir_locker_revision", "The last change's number: the greatest fencing token so far.",
        [](const Keys& keys, const Locks&) { return keys.revision(); });
  if (engine.journal() == nullptr) return;
  registry.counter_callback("weir_journal_records_total", "Records that were appended to the journal, ever.",
                            {}, [&engine] { return static_cast<double>(engine.journal()->durable()); });
  registry.gauge_callback("weir_journal_pending_bytes", "Records that are not yet on the disk.", {},
                          [&engine] { return static_cast<double>(engine.journal()->pending().count); });
}

}  // namespace weir::locker
