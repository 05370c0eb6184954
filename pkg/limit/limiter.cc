#include "pkg/limit/limiter.hh"

namespace weir::limit {
namespace {

// What the state of a policy can be read by. A window's number means nothing under another period.
std::string identity_of(const Policy& policy) {
  std::string identity = policy.name + "/" + std::string(to_string(policy.algorithm));
  const bool has_windows =
      policy.algorithm == Algorithm::fixed_window || policy.algorithm == Algorithm::sliding_counter;
  if (has_windows) identity += "/" + format_duration(policy.rate.period);
  return identity;
}

}  // namespace

Limiter::Limiter(const Policy& policy, State& state)
    : policy_(policy), state_(state), identity_(identity_of(policy)), key_prefix_(state.hash_key) {
  key_prefix_.update_part(identity_);
}

Result<std::unique_ptr<Limiter>> Limiter::make(const Policy& policy, State& state) {
  if (auto checked = check(policy); !checked) return std::unexpected(std::move(checked.error()));
  std::unique_ptr<Limiter> limiter(new Limiter(policy, state));
  if (policy.algorithm == Algorithm::sliding_window) {
    if (auto fits = LogStore::check(policy.rate, state.logs.size()); !fits)
      return std::unexpected(std::move(fits.error()));
    return limiter;
  }
  const auto reader = state.table.enlist(limiter->identity_, policy);
  if (!reader) return std::unexpected(reader.error());
  limiter->reader_ = *reader;
  return limiter;
}

Limiter::~Limiter() {
  if (reader_.strategy != nullptr) state_.table.delist(reader_);
}

Decision Limiter::decide(uint64_t key, Time now, uint32_t cost) const {
  if (reader_.strategy == nullptr) return state_.logs.decide(key, policy_.rate, now, cost);
  return state_.table.decide(reader_, key, now, cost);
}

void Limiter::refund(uint64_t key, Time now, uint32_t cost) const {
  if (reader_.strategy == nullptr) return state_.logs.refund(key, cost);
  state_.table.refund(reader_, key, now, cost);
}

}  // namespace weir::limit
