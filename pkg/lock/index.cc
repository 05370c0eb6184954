#include "pkg/lock/index.hh"

namespace weir::lock {

namespace {

Claimant claimant_of(const keyspace::KeyValue& key) {
  Claimant claimant{key.key, claim_of(key.value)};
  claimant.since = claimant.claim.since;
  return claimant;
}

}  // namespace

const Queue* Index::find(std::string_view name) const {
  return queues_.find(name);
}

const Claimant* Index::find_claimant(const keyspace::KeyValue& key) const {
  const auto parsed = parse_key(key.key);
  const Queue* const queue = parsed ? find(parsed->name) : nullptr;
  return queue == nullptr ? nullptr : queue->find({key.created, parsed->lease});
}

bool Index::is_granted(const keyspace::KeyValue& key) const {
  const Claimant* const claimant = find_claimant(key);
  return claimant != nullptr && claimant->is_granted;
}

void Index::tell(Happening::Kind kind, std::string_view name, Ticket ticket, const Claimant& claimant) const {
  if (listener_) listener_({kind, name, ticket, claimant});
}

void Index::follow(const keyspace::Change& change) {
  const auto parsed = parse_key(change.now->key);
  if (!parsed) return;
  if (change.now->version > 0) return take(*change.now, *parsed);
  Queue* const queue = queues_.find(parsed->name);
  const Ticket ticket{change.before->created, parsed->lease};
  const auto gone = queue == nullptr ? std::nullopt : queue->remove(ticket);
  if (!gone) return;
  tell(gone->is_granted ? Happening::Kind::released : Happening::Kind::withdrawn, parsed->name, ticket,
       *gone);
  if (queue->is_empty()) {
    queues_.erase(parsed->name);
    return;
  }
  grant(parsed->name, *queue);
}

void Index::take(const keyspace::KeyValue& key, const ClaimKey& parsed) {
  Queue& queue = queues_[parsed.name];
  const Ticket ticket{key.created, parsed.lease};
  const bool is_new = queue.find(ticket) == nullptr;
  queue.put(ticket, claimant_of(key));
  if (is_new) tell(Happening::Kind::claimed, parsed.name, ticket, *queue.find(ticket));
  grant(parsed.name, queue);
}

void Index::grant(std::string_view name, Queue& queue) {
  for (const Ticket ticket : queue.grant(clock_())) {
    tell(Happening::Kind::granted, name, ticket, *queue.find(ticket));
  }
}

void Index::rebuild(const keyspace::Keyspace& keys) {
  queues_.clear();
  const std::string_view all("\0", 1);
  for (const auto& key : keys.range({.range = {std::string(all), std::string(all)}}).found) {
    const auto parsed = parse_key(key->key);
    if (!parsed) continue;
    queues_[parsed->name].put({key->created, parsed->lease}, claimant_of(*key));
  }
  queues_.for_each([](std::string_view, Queue& queue) { queue.grant(0); });
}

}  // namespace weir::lock
