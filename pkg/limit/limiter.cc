#include "pkg/limit/limiter.hh"

namespace weir::limit {

Limiter::Limiter(const Policy& policy, State& state)
    : policy_(policy),
      state_(state),
      identity_(policy.name + "/" + std::string(to_string(policy.algorithm))),
      key_prefix_(state.hash_key) {
  key_prefix_.update_part(identity_);
}

Result<std::unique_ptr<Limiter>> Limiter::make(const Policy& policy, State& state) {
  if (auto checked = check(policy); !checked) return std::unexpected(std::move(checked.error()));
  std::unique_ptr<Limiter> limiter(new Limiter(policy, state));
  if (policy.algorithm != Algorithm::sliding_window) {
    auto strategy = make_strategy(policy);
    const Strategy* made = strategy.get();
    const auto reader = state.table.enlist(limiter->identity_, std::move(strategy));
    if (!reader) return std::unexpected(reader.error());
    limiter->reader_ = *reader;
    limiter->strategy_ = made;
  }
  return limiter;
}

Limiter::~Limiter() {
  if (strategy_ != nullptr) state_.table.delist(reader_);
}

Decision Limiter::decide(uint64_t key, Time now, uint32_t cost) const {
  if (strategy_ == nullptr) return state_.logs.decide(key, policy_.rate, now, cost);
  return state_.table.decide(reader_, *strategy_, key, now, cost);
}

void Limiter::refund(uint64_t key, Time now, uint32_t cost) const {
  if (strategy_ == nullptr) return state_.logs.refund(key, cost);
  state_.table.refund(reader_, *strategy_, key, now, cost);
}

}  // namespace weir::limit
