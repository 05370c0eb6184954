// The balancing algorithms behind one interface. A strategy is built for a list of candidates that never
// changes and is shared by worker threads: pick() takes no lock and does not allocate.
#pragma once

#include <memory>
#include <span>
#include <type_traits>

#include "pkg/balance/algorithm.hh"
#include "pkg/balance/member.hh"
#include "pkg/base/random.hh"

namespace weir::balance {

struct Candidate {
  std::shared_ptr<Member> member;
  uint32_t weight = 1;  // above zero
  bool operator==(const Candidate&) const = default;
};

// Whether a member may be used for this request: its breaker, its connections, whether it was tried already.
// Refers to the function that it is made of, which must outlive it. Empty: any member may be used.
class Filter {
 public:
  Filter() = default;
  template <typename F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, Filter>) explicit Filter(F& function)
      : context_(const_cast<void*>(static_cast<const void*>(&function))),
        call_([](void* context, Member& member) -> bool { return (*static_cast<F*>(context))(member); }) {}

  bool allows(Member& member) const { return call_ == nullptr || call_(context_, member); }

 private:
  void* context_ = nullptr;
  bool (*call_)(void*, Member&) = nullptr;
};

struct Pick {
  Random& random;
  MonotonicTime now;
  uint64_t key = 0;  // the hash of what a request is placed by; see uses_key()
  Filter filter{};
  bool use_ejected = false;  // set by a view in panic

  bool allows(Member& member) const { return (use_ejected || !member.is_ejected()) && filter.allows(member); }
};

struct StrategySettings {
  Duration ewma_decay = std::chrono::seconds(10);  // peak_ewma
  double load_factor = 1.25;                       // bounded_hash; above 1
};

class Strategy {
 public:
  virtual ~Strategy() = default;
  // The member to use, or null when the pick allows none.
  virtual Member* pick(const Pick& pick) const = 0;
};

// `candidates` must outlive the strategy.
using Candidates = std::span<const Candidate>;
std::unique_ptr<Strategy> make_strategy(Algorithm algorithm, const StrategySettings& settings,
                                        Candidates candidates, std::shared_ptr<PoolCounters> counters);

std::unique_ptr<Strategy> make_round_robin(Candidates candidates, std::shared_ptr<PoolCounters> counters);
std::unique_ptr<Strategy> make_weighted_round_robin(Candidates candidates,
                                                    std::shared_ptr<PoolCounters> counters);
std::unique_ptr<Strategy> make_least_connections(Candidates candidates);
std::unique_ptr<Strategy> make_random(Candidates candidates);
std::unique_ptr<Strategy> make_two_choices(Candidates candidates);
std::unique_ptr<Strategy> make_peak_ewma(Candidates candidates, Duration decay);
std::unique_ptr<Strategy> make_rendezvous(Candidates candidates);
std::unique_ptr<Strategy> make_maglev(Candidates candidates);
std::unique_ptr<Strategy> make_bounded_hash(Candidates candidates, double load_factor,
                                            std::shared_ptr<PoolCounters> counters);

}  // namespace weir::balance
