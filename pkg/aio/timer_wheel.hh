// A hierarchical timing wheel (Varghese and Lauck, 1987, scheme 7): four wheels of 64 slots with a tick of
// one millisecond. Arming and disarming are a few pointer writes, which is what a deadline on every await
// asks for: nearly all of them are disarmed again, and a heap would pay its logarithm for each.
#pragma once

#include <array>
#include <cstdint>

namespace weir::aio {

// An entry in a wheel; derive from it. Must be disarmed (or fired) before it dies.
class Timer {
 public:
  bool is_armed() const { return next_ != nullptr; }
  virtual void on_timer() = 0;

 protected:
  Timer() = default;
  ~Timer() = default;

 private:
  friend class TimerWheel;
  Timer* next_ = nullptr;
  Timer* previous_ = nullptr;
  uint64_t tick_ = 0;
};

class TimerWheel {
 public:
  static constexpr uint64_t kNoTick = UINT64_MAX;

  explicit TimerWheel(uint64_t now) : now_(now) {}
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Fires at the first advance() to `tick` or later, never within arm(). The timer must not be armed.
  void arm(Timer& timer, uint64_t tick);
  void disarm(Timer& timer);

  // Fires all that is due up to and including `now`, earliest tick first. Timers may be armed and disarmed
  // from within on_timer().
  void advance(uint64_t now);

  // No later than the tick of the earliest timer (a far one is reported as the start of its slot, when
  // advance() must be called to bring it nearer); kNoTick when there is none.
  uint64_t next_tick() const;

 private:
  static constexpr unsigned kLevels = 4;
  static constexpr unsigned kSlotBits = 6;
  static constexpr unsigned kSlots = 1 << kSlotBits;

  // The head of a slot's circular list.
  struct Slot final : Timer {
    Slot();
    void on_timer() override {}
  };

  unsigned slot_at(uint64_t tick, unsigned level) const { return (tick >> (level * kSlotBits)) % kSlots; }
  void place(Timer& timer);
  template <typename Take>
  void empty_slot(unsigned level, Take take);

  uint64_t now_;
  std::array<std::array<Slot, kSlots>, kLevels> slots_;
  std::array<uint64_t, kLevels> occupied_{};  // a bit for each slot that may hold timers
};

}  // namespace weir::aio
