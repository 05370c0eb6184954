// A queue that lets requests go on at the policy's rate, one after the other: a request is told how long to
// wait for its turn. One may go on at once and `burst` may wait behind it; who comes then is rejected.

#include "pkg/limit/gcra.hh"

namespace weir::limit {
namespace {

class LeakyBucket final : public detail::Gcra {
 public:
  explicit LeakyBucket(const Policy& policy) : Gcra(policy.rate, policy.capacity() + 1) {}

  Decision decide(uint64_t state, Time now, uint32_t cost, uint64_t& next) const override {
    Decision decision = Gcra::decide(state, now, cost, next);
    if (decision.allowed) decision.delay = to_duration(ahead(state, now));
    return decision;
  }
};

}  // namespace

std::unique_ptr<Strategy> make_leaky_bucket(const Policy& policy) {
  return std::make_unique<LeakyBucket>(policy);
}

}  // namespace weir::limit
