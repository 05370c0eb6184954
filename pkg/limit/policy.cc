#include "pkg/limit/policy.hh"

#include "pkg/limit/gcra.hh"

namespace weir::limit {

std::string_view to_string(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::token_bucket:
      return "token_bucket";
    case Algorithm::leaky_bucket:
      return "leaky_bucket";
    case Algorithm::fixed_window:
      return "fixed_window";
    case Algorithm::sliding_window:
      return "sliding_window";
    case Algorithm::sliding_counter:
      return "sliding_counter";
  }
  return "unknown";
}

Rate Policy::quota() const {
  const bool is_bucket = algorithm == Algorithm::token_bucket || algorithm == Algorithm::leaky_bucket;
  if (!is_bucket) return rate;
  const uint64_t most = algorithm == Algorithm::token_bucket ? capacity() : capacity() + 1;
  const auto period = static_cast<unsigned __int128>(rate.period.count()) * most;
  return {most, Duration{static_cast<int64_t>((period + rate.count - 1) / rate.count)}};
}

Result<> check(const Policy& policy) {
  const auto too_many = [&](uint64_t most) {
    return fail(Errc::invalid, "the algorithm " + std::string(to_string(policy.algorithm)) + " counts to " +
                                   std::to_string(most) + " at most; this rate has " +
                                   std::to_string(policy.rate.count));
  };
  switch (policy.algorithm) {
    case Algorithm::token_bucket:
    case Algorithm::leaky_bucket: {
      const auto span = static_cast<unsigned __int128>(detail::Gcra::interval_of(policy.rate)) *
                        (static_cast<unsigned __int128>(policy.capacity()) + 1);
      if (span <= detail::Gcra::kLongestSpan) return {};
      return fail(Errc::invalid, "a burst that takes more than ten years to come back");
    }
    case Algorithm::fixed_window:
      return policy.rate.count <= kMostInFixedWindow ? Result<>{} : too_many(kMostInFixedWindow);
    case Algorithm::sliding_counter:
      return policy.rate.count <= kMostInSlidingCounter ? Result<>{} : too_many(kMostInSlidingCounter);
    case Algorithm::sliding_window:
      return policy.rate.count <= kMostInLog ? Result<>{} : too_many(kMostInLog);
  }
  return {};
}

}  // namespace weir::limit
