#include "pkg/resilience/bulkhead.hh"

namespace weir::resilience {

Bulkhead::Bulkhead(Limits limits) : most_inside_(limits.inside), most_queued_(limits.queue) {}

void Bulkhead::set_limits(Limits limits) {
  {
    const std::lock_guard lock(mutex_);
    most_inside_.store(limits.inside);
    most_queued_ = limits.queue;
  }
  grant_waiting();
}

// inside_ and queued_ are sequentially consistent: a waiter raises queued_ before it looks at inside_ for the
// last time, a leaver lowers inside_ before it looks at queued_. One of them sees the other, so that no place
// stays free while someone waits.
Slot Bulkhead::try_enter() {
  if (queued_.load() != 0) return {};
  uint64_t inside = inside_.load();
  while (inside < most_inside_.load()) {
    if (inside_.compare_exchange_weak(inside, inside + 1)) return Slot(*this);
  }
  return {};
}

bool Bulkhead::enqueue(Waiter& waiter) {
  {
    const std::lock_guard lock(mutex_);
    assert(waiter.state_ == Waiter::State::outside);
    if (queued_.load() >= most_queued_) return false;
    waiter.state_ = Waiter::State::queued;
    waiter.next_ = nullptr;
    waiter.previous_ = last_;
    (last_ != nullptr ? last_->next_ : first_) = &waiter;
    last_ = &waiter;
    queued_.fetch_add(1);
  }
  grant_waiting();
  return true;
}

Slot Bulkhead::leave_queue(Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  const auto state = waiter.state_;
  waiter.state_ = Waiter::State::outside;
  if (state == Waiter::State::granted) return Slot(*this);
  if (state == Waiter::State::queued) unlink(waiter);
  return {};
}

void Bulkhead::leave() {
  inside_.fetch_sub(1);
  if (queued_.load() != 0) grant_waiting();
}

void Bulkhead::grant_waiting() {
  // on_granted() runs under the lock so that leave_queue() can promise that it is over; it only posts a wake.
  const std::lock_guard lock(mutex_);
  while (first_ != nullptr) {
    uint64_t inside = inside_.load();
    if (inside >= most_inside_.load()) return;
    if (!inside_.compare_exchange_strong(inside, inside + 1)) continue;
    Waiter& waiter = *first_;
    unlink(waiter);
    waiter.state_ = Waiter::State::granted;
    waiter.on_granted();
  }
}

void Bulkhead::unlink(Waiter& waiter) {
  (waiter.previous_ != nullptr ? waiter.previous_->next_ : first_) = waiter.next_;
  (waiter.next_ != nullptr ? waiter.next_->previous_ : last_) = waiter.previous_;
  queued_.fetch_sub(1);
}

}  // namespace weir::resilience
