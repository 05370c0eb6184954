// Random: drawn by weight, whatever else is known of the members.

#include "pkg/balance/sampling.hh"

namespace weir::balance {
namespace {

class RandomChoice : public Strategy {
 public:
  explicit RandomChoice(Candidates candidates) : candidates_(candidates), sampler_(candidates) {}

  Member* pick(const Pick& pick) const override {
    constexpr int kDraws = 4;
    for (int i = 0; i < kDraws && !candidates_.empty(); ++i) {
      Member& member = *candidates_[sampler_.draw(pick.random)].member;
      if (pick.allows(member)) return &member;
    }
    return draw_allowed(candidates_, pick);
  }

 private:
  Candidates candidates_;
  Sampler sampler_;
};

}  // namespace

std::unique_ptr<Strategy> make_random(Candidates candidates) {
  return std::make_unique<RandomChoice>(candidates);
}

}  // namespace weir::balance
