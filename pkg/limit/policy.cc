#include "pkg/limit/policy.hh"

#include "pkg/limit/strategy.hh"

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

Result<> check(const Policy& policy) {
  const auto too_many = [&](uint64_t most) {
    return fail(Errc::invalid, "the algorithm " + std::string(to_string(policy.algorithm)) + " counts to " +
                                   std::to_string(most) + " at most; this rate has " +
                                   std::to_string(policy.rate.count));
  };
  switch (policy.algorithm) {
    case Algorithm::token_bucket:
    case Algorithm::leaky_bucket: {
      const double seconds = std::chrono::duration<double>(policy.rate.period).count();
      const double burst_time =
          seconds / static_cast<double>(policy.rate.count) * static_cast<double>(policy.capacity());
      constexpr double kLongest = 10.0 * 366 * 86400;
      if (burst_time <= kLongest) return {};
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
