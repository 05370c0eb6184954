// All locks of a keyspace: its queues, kept up with its changes, and what happens in them.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "pkg/base/name_table.hh"
#include "pkg/keyspace/keyspace.hh"
#include "pkg/lock/queue.hh"

namespace weir::lock {

struct Happening {
  enum class Kind { claimed, granted, released, withdrawn };  // withdrawn: it was never granted
  Kind kind;
  std::string_view name;
  Ticket ticket;
  const Claimant& claimant;
};

class Index {
 public:
  using Queues = NameTable<Queue>::Ordered;

  // `clock` tells the wall clock's milliseconds: when a lock was granted.
  explicit Index(std::function<int64_t()> clock) : clock_(std::move(clock)) {}

  // To be told of each change of the keyspace, in order.
  void follow(const keyspace::Change& change);
  // Of a restored keyspace: all that is in it. Nothing is told of it.
  void rebuild(const keyspace::Keyspace& keys);
  void on_happening(std::function<void(const Happening&)> listener) { listener_ = std::move(listener); }

  const Queues& queues() const { return queues_.ordered(); }
  size_t size() const { return queues_.size(); }
  const Queue* find(std::string_view name) const;
  // The claim behind a key; null when there is none.
  const Claimant* find_claimant(const keyspace::KeyValue& key) const;
  bool is_granted(const keyspace::KeyValue& key) const;

 private:
  void take(const keyspace::KeyValue& key, const ClaimKey& parsed);
  void grant(std::string_view name, Queue& queue);
  void tell(Happening::Kind kind, std::string_view name, Ticket ticket, const Claimant& claimant) const;

  std::function<int64_t()> clock_;
  NameTable<Queue> queues_;
  std::function<void(const Happening&)> listener_;
};

}  // namespace weir::lock
