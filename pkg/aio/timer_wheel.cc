#include "pkg/aio/timer_wheel.hh"

#include <algorithm>
#include <bit>

namespace weir::aio {

// now_ is the last tick that was fired. A timer stands on the lowest level L on which its tick and now_ agree
// in all bits above the group of six bits number L, in the slot of that group's value. So each level holds
// only ticks of the present turn of the level above, and below the top no slot behind now_'s is occupied.
// On the top level a tick of a later turn may share a slot with this turn's; it is placed again when that
// slot comes round.

TimerWheel::Slot::Slot() {
  next_ = this;
  previous_ = this;
}

void TimerWheel::arm(Timer& timer, uint64_t tick) {
  timer.tick_ = std::max(tick, now_ + 1);
  place(timer);
}

void TimerWheel::place(Timer& timer) {
  const uint64_t difference = timer.tick_ ^ now_;
  const auto highest_bit = static_cast<unsigned>(std::bit_width(difference | 1)) - 1;
  const unsigned level = std::min(highest_bit / kSlotBits, kLevels - 1);
  const unsigned slot = slot_at(timer.tick_, level);
  Slot& head = slots_[level][slot];
  timer.next_ = &head;
  timer.previous_ = head.previous_;
  head.previous_->next_ = &timer;
  head.previous_ = &timer;
  occupied_[level] |= uint64_t{1} << slot;
}

void TimerWheel::disarm(Timer& timer) {
  timer.previous_->next_ = timer.next_;
  timer.next_->previous_ = timer.previous_;
  timer.next_ = nullptr;
  timer.previous_ = nullptr;
}

// Moves now_'s slot of `level` to a list of its own first: what is taken may be placed in the same slot
// again.
template <typename Take>
void TimerWheel::empty_slot(unsigned level, Take take) {
  const unsigned slot = slot_at(now_, level);
  occupied_[level] &= ~(uint64_t{1} << slot);
  Slot& head = slots_[level][slot];
  if (head.next_ == &head) return;
  Slot list;
  list.next_ = head.next_;
  list.previous_ = head.previous_;
  list.next_->previous_ = &list;
  list.previous_->next_ = &list;
  head.next_ = &head;
  head.previous_ = &head;
  while (list.next_ != &list) {
    Timer& timer = *list.next_;
    disarm(timer);
    take(timer);
  }
}

uint64_t TimerWheel::next_tick() const {
  for (unsigned level = 0; level < kLevels; ++level) {
    const unsigned shift = level * kSlotBits;
    const uint64_t ahead = occupied_[level] & ~((uint64_t{2} << slot_at(now_, level)) - 1);
    const uint64_t turn = now_ >> (shift + kSlotBits);
    if (ahead != 0) return ((turn << kSlotBits) + static_cast<unsigned>(std::countr_zero(ahead))) << shift;
    if (level == kLevels - 1 && occupied_[level] != 0) {
      const auto first = static_cast<unsigned>(std::countr_zero(occupied_[level]));
      return (((turn + 1) << kSlotBits) + first) << shift;
    }
  }
  return kNoTick;
}

void TimerWheel::advance(uint64_t now) {
  while (now_ < now) {
    now_ = std::min(now, next_tick());
    for (unsigned level = kLevels - 1; level > 0; --level) {
      const uint64_t below = (uint64_t{1} << (level * kSlotBits)) - 1;
      if ((now_ & below) == 0) empty_slot(level, [this](Timer& timer) { place(timer); });
    }
    empty_slot(0, [](Timer& timer) { timer.on_timer(); });
  }
}

}  // namespace weir::aio
