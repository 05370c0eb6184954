// Where the coroutines of one loop wait for their records to be durable:
//
//     Durability durability;
//     durability.attach(options, on_failure);
//     auto journal = Journal::open(options, replay);
//     durability.bind(loop);
//     …
//     auto done = co_await durability.reached(sequence);
//
// However many wait, the journal's thread wakes the loop once for a commit.
#pragma once

#include <functional>
#include <memory>

#include "pkg/aio/operation.hh"
#include "pkg/journal/journal.hh"

namespace weir::journal {

// Once bound, it is used and destroyed on the loop's thread, after the journal: the loop outlives both.
class Durability {
 public:
  class Wait;

  Durability();
  ~Durability();
  Durability(const Durability&) = delete;
  Durability& operator=(const Durability&) = delete;

  // Sets the options' hooks. `on_failure` is called on the loop's thread; before it, all who wait get the
  // error.
  void attach(Options& options, std::function<void(const Error&)> on_failure);

  // On the loop's thread, once, before anyone waits: a journal can be opened before there is a loop for it.
  void bind(aio::Loop& loop);

  // Ok when all up to `sequence` is durable. An error when the journal has failed, at the deadline, and when
  // the task is cancelled: the record may be on the disk then, or not.
  Wait reached(Sequence sequence, aio::Deadline deadline = aio::Deadline::never());

 private:
  struct Shared;
  static void post_failure(aio::Loop& loop, const std::shared_ptr<Shared>& shared);
  void advance(Sequence durable);
  void fail(const Error& error);
  void insert(Wait& wait);
  void remove(Wait& wait);

  std::shared_ptr<Shared> shared_;  // with what the journal's thread posts
  Sequence durable_ = 0;
  std::optional<Error> failure_;
  std::function<void(const Error&)> on_failure_;
  Wait* first_ = nullptr;  // by sequence
  Wait* last_ = nullptr;
};

class Durability::Wait final : public aio::Operation {
 public:
  Wait(Durability& durability, Sequence sequence, aio::Deadline deadline)
      : durability_(durability), sequence_(sequence), deadline_(deadline) {}

  bool await_ready() const { return durability_.failure_ || sequence_ <= durability_.durable_; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    if (!start(handle, *handle.promise().context, deadline_)) return false;
    durability_.insert(*this);
    return true;
  }
  Result<> await_resume() {
    if (outcome() == aio::Outcome::ok && sequence_ > durability_.durable_) {
      return std::unexpected(*durability_.failure_);
    }
    return aio::to_result(outcome(), "waiting for a record to be durable");
  }

 private:
  friend class Durability;
  void on_interrupt() override {
    durability_.remove(*this);
    resume_later();
  }

  Durability& durability_;
  Sequence sequence_;
  aio::Deadline deadline_;
  Wait* before_ = nullptr;
  Wait* after_ = nullptr;
};

inline Durability::Wait Durability::reached(Sequence sequence, aio::Deadline deadline) {
  return Wait(*this, sequence, deadline);
}

}  // namespace weir::journal
