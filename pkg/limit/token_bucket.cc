// A bucket of `burst` tokens, filled again at the policy's rate; a request takes its cost in tokens or is
// rejected.

#include "pkg/limit/gcra.hh"

namespace weir::limit {
namespace {

class TokenBucket final : public detail::Gcra {
 public:
  explicit TokenBucket(const Policy& policy) : Gcra(policy.rate, policy.capacity()) {}
};

}  // namespace

std::unique_ptr<Strategy> make_token_bucket(const Policy& policy) {
  return std::make_unique<TokenBucket>(policy);
}

}  // namespace weir::limit
