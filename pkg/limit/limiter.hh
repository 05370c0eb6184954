// A policy, put on the memory that all policies share. Decisions may be asked for from any thread.
//
//   State state{Bytes{16 << 20}, Bytes{8 << 20}};
//   auto limiter = Limiter::make(policy, state);
//   KeyBuilder key(*limiter); key.add("192.0.2.7");
//   Decision decision = limiter->decide(key.finish(), now);
//
// What is remembered belongs to the policy's name: a limiter made anew with the same name and algorithm, and
// another rate or burst, goes on with it. (A fixed_window or sliding_counter whose period has changed starts
// afresh, since its windows are others.)
//
// Several rules for one request: decide() each in turn, and when one rejects, refund() those before it. So a
// request counts under all of them or none, and each rule is exact, for nothing passes that was not counted
// first. What another request sees between the two is one more counted than will stay: it may be refused,
// never let through, wrongly. To count a rejected request under the rules before, leave the refund out.
#pragma once

#include <memory>
#include <span>

#include "pkg/base/hash.hh"
#include "pkg/limit/log_store.hh"
#include "pkg/limit/table.hh"

namespace weir::limit {

struct State {
  State(Bytes table_size, Bytes log_size, HashKey key = HashKey::random())
      : table(table_size), logs(log_size), hash_key(key) {}

  // For another process on this machine. What is decided meanwhile may or may not be in it.
  std::string save() const;
  // Sizes need not be those of the state that was saved; what finds no place is forgotten. Errors: invalid.
  static Result<std::unique_ptr<State>> restore(std::string_view saved, Bytes table_size, Bytes log_size);

  Table table;
  LogStore logs;
  const HashKey hash_key;
};

class Limiter {
 public:
  // `state` must outlive it. Errors: a policy that check() refuses, or whose logs do not fit the state's
  // (LogStore::check), or more than 255 of them.
  static Result<std::unique_ptr<Limiter>> make(const Policy& policy, State& state);
  ~Limiter();
  Limiter(const Limiter&) = delete;
  Limiter& operator=(const Limiter&) = delete;

  const Policy& policy() const { return policy_; }
  Decision decide(uint64_t key, Time now, uint32_t cost = 1) const;
  // For a key that will be decided in a moment, with other work in between.
  void prefetch(uint64_t key) const {
    if (reader_.strategy != nullptr) state_.table.prefetch(key);
  }
  // Takes an allowed decision back, when another rule rejected the request. `now` as in the decision.
  void refund(uint64_t key, Time now, uint32_t cost = 1) const;

 private:
  friend class KeyBuilder;
  Limiter(const Policy& policy, State& state);

  Policy policy_;
  State& state_;
  std::string identity_;  // what the state belongs to: name, algorithm, windows
  SipHash key_prefix_;    // with the identity in it: what every key begins with
  Table::Reader reader_;  // without a strategy for sliding_window
};

// The hash of a key of several parts, under the state's secret: clients cannot choose who shares their set.
class KeyBuilder {
 public:
  explicit KeyBuilder(const Limiter& limiter) : hash_(limiter.key_prefix_) {}
  void add(std::string_view part) { hash_.update_part(part); }
  uint64_t finish() { return hash_.finish(); }

 private:
  SipHash hash_;
};

}  // namespace weir::limit
