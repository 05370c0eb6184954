// Round robin: members in turn. A member that may not be used costs a turn, not its neighbour's peace: the
// turns of a member that is out are shared by all others.

#include "pkg/balance/strategy.hh"

namespace weir::balance {
namespace {

class RoundRobin : public Strategy {
 public:
  RoundRobin(Candidates candidates, std::shared_ptr<PoolCounters> counters)
      : candidates_(candidates), counters_(std::move(counters)) {}

  Member* pick(const Pick& pick) const override {
    const size_t size = candidates_.size();
    if (size == 0) return nullptr;
    uint64_t turn = 0;
    for (size_t i = 0; i < size; ++i) {
      turn = counters_->turn.fetch_add(1, std::memory_order_relaxed);
      Member& member = *candidates_[turn % size].member;
      if (pick.allows(member)) return &member;
    }
    // Other threads may have taken the turns between: look at each once.
    for (size_t i = 0; i < size; ++i) {
      Member& member = *candidates_[(turn + i) % size].member;
      if (pick.allows(member)) return &member;
    }
    return nullptr;
  }

 private:
  Candidates candidates_;
  std::shared_ptr<PoolCounters> counters_;
};

}  // namespace

std::unique_ptr<Strategy> make_round_robin(Candidates candidates, std::shared_ptr<PoolCounters> counters) {
  return std::make_unique<RoundRobin>(candidates, std::move(counters));
}

}  // namespace weir::balance
