// A bulkhead: at most N at a time inside, a bounded queue outside, first come first served. Exact across
// threads; those who wait may live on other threads' event loops.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>
#include <mutex>
#include <utility>

namespace weir::resilience {

class Bulkhead;

// A place inside, given back when it dies. The bulkhead must outlive it.
class Slot {
 public:
  Slot() = default;
  Slot(Slot&& other) noexcept : bulkhead_(other.bulkhead_) { other.bulkhead_ = nullptr; }
  Slot& operator=(Slot&& other) noexcept {
    std::swap(bulkhead_, other.bulkhead_);
    return *this;
  }
  ~Slot();
  bool is_held() const { return bulkhead_ != nullptr; }

 private:
  friend class Bulkhead;
  explicit Slot(Bulkhead& bulkhead) : bulkhead_(&bulkhead) {}
  Bulkhead* bulkhead_ = nullptr;
};

// Someone in the queue. Derive from it. It must have ended its wait by leave_queue() before it dies, and may
// then wait again.
class Waiter {
 public:
  // A place was granted: called on the thread that freed it, under the bulkhead's lock, so only wake the
  // waiter's own thread here. The waiter then takes the place by leave_queue().
  virtual void on_granted() = 0;

 protected:
  Waiter() = default;
  ~Waiter() { assert(state_ == State::outside); }

 private:
  friend class Bulkhead;
  enum class State : uint8_t { outside, queued, granted };
  State state_ = State::outside;
  Waiter* next_ = nullptr;
  Waiter* previous_ = nullptr;
};

class Bulkhead {
 public:
  struct Limits {
    uint64_t inside = 1024;
    uint64_t queue = 128;
  };

  explicit Bulkhead(Limits limits);
  // What is inside or queued stays; lower limits take effect as places are left.
  void set_limits(Limits limits);

  // A slot that is not held means: full, or others wait already.
  Slot try_enter();
  // False when the queue is full. A place may be granted before this returns.
  bool enqueue(Waiter& waiter);
  // Ends the wait. A slot that is held means that a place had been granted, perhaps this very moment: it is
  // the caller's now. After it returns, on_granted() is not and will not be running.
  Slot leave_queue(Waiter& waiter);

  uint64_t inside() const { return inside_.load(std::memory_order_relaxed); }
  uint64_t queued() const { return queued_.load(std::memory_order_relaxed); }

 private:
  friend class Slot;
  void leave();
  void grant_waiting();
  void unlink(Waiter& waiter);

  std::atomic<uint64_t> most_inside_;
  std::atomic<uint64_t> inside_ = 0;
  std::atomic<uint64_t> queued_ = 0;
  std::mutex mutex_;  // guards the queue; taken only while there is one, or to make one
  uint64_t most_queued_;
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
};

inline Slot::~Slot() {
  if (bulkhead_ != nullptr) bulkhead_->leave();
}

}  // namespace weir::resilience
