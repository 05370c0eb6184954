// Peak EWMA (Finagle's PeakEwma, 2015;
// https://linkerd.io/2016/03/16/beyond-round-robin-load-balancing-for-latency compares it): of two members
// drawn by weight, the one where a request is expected to wait less: its latency estimate times what is under
// way there, this request included.

#include "pkg/balance/sampling.hh"

namespace weir::balance {
namespace {

// Of a member that has not answered yet but has work: it gets no more until its first answer, unless the
// other is in the same case.
constexpr double kUnknown = 1e18;

class PeakEwma : public Strategy {
 public:
  PeakEwma(Candidates candidates, Duration decay)
      : candidates_(candidates), sampler_(candidates), decay_(decay) {}

  Member* pick(const Pick& pick) const override {
    if (candidates_.empty()) return nullptr;
    return pick_of_two(sampler_, candidates_, pick, [&](const Candidate& candidate) {
      const auto under_way = static_cast<double>(candidate.member->in_flight());
      const double latency = candidate.member->latency().at(pick.now, decay_);
      const double load = latency == 0 && under_way > 0 ? kUnknown + under_way : latency * (under_way + 1);
      return load / candidate.weight;
    });
  }

 private:
  Candidates candidates_;
  Sampler sampler_;
  Duration decay_;
};

}  // namespace

std::unique_ptr<Strategy> make_peak_ewma(Candidates candidates, Duration decay) {
  return std::make_unique<PeakEwma>(candidates, decay);
}

}  // namespace weir::balance
