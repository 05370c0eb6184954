// The power of two choices (Michael Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing",
// 2001): almost as even as to look at all members, at the cost of two, and without the stampede of many
// balancers onto the one that all of them see as the least loaded.

#include "pkg/balance/sampling.hh"

namespace weir::balance {
namespace {

class TwoChoices : public Strategy {
 public:
  explicit TwoChoices(Candidates candidates) : candidates_(candidates), sampler_(candidates) {}

  Member* pick(const Pick& pick) const override {
    if (candidates_.empty()) return nullptr;
    return pick_of_two(sampler_, candidates_, pick, [](const Candidate& candidate) {
      return static_cast<double>(candidate.member->in_flight()) / candidate.weight;
    });
  }

 private:
  Candidates candidates_;
  Sampler sampler_;
};

}  // namespace

std::unique_ptr<Strategy> make_two_choices(Candidates candidates) {
  return std::make_unique<TwoChoices>(candidates);
}

}  // namespace weir::balance
