// The algorithms whose state is one word a key, behind one interface. A strategy is pure: it is given a state
// and the time and says the decision and the next state. State 0 is a key that was never seen.
#pragma once

#include <memory>

#include "pkg/limit/policy.hh"

namespace weir::limit {

constexpr uint64_t kMostInFixedWindow = (uint64_t{1} << 28) - 1;
constexpr uint64_t kMostInSlidingCounter = (uint64_t{1} << 20) - 1;
constexpr uint64_t kMostInLog = 100'000;

class Strategy {
 public:
  virtual ~Strategy() = default;

  // For a rejected request the state stays as it is, unless it says more than this policy can have written.
  virtual Decision decide(uint64_t state, Time now, uint32_t cost, uint64_t& next) const = 0;
  // The state without a request of this cost that was allowed before.
  virtual uint64_t refund(uint64_t state, Time now, uint32_t cost) const = 0;
  // From then on the state limits nothing and may be forgotten.
  virtual Time expires(uint64_t state, Time now) const = 0;
  // A request would be rejected now: the one thing that must not be forgotten.
  virtual bool is_over(uint64_t state, Time now) const = 0;
};

// For every algorithm but sliding_window.
std::unique_ptr<Strategy> make_strategy(const Policy& policy);

std::unique_ptr<Strategy> make_token_bucket(const Policy& policy);
std::unique_ptr<Strategy> make_leaky_bucket(const Policy& policy);
std::unique_ptr<Strategy> make_fixed_window(const Policy& policy);
std::unique_ptr<Strategy> make_sliding_counter(const Policy& policy);

}  // namespace weir::limit
