// The rate limits of a config at work: which key a request has under a rule, and what all rules of its route
// together say.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pkg/gateway/config.hh"
#include "pkg/gateway/metrics.hh"
#include "pkg/http/message.hh"
#include "pkg/limit/limiter.hh"

namespace weir::gateway {

using LimitState = limit::State;

// What a key can be made of.
struct RequestFacts {
  const IpAddress& client;
  std::string_view route;
  const http::FieldList& fields;
};

class LimitRule {
 public:
  static Result<std::unique_ptr<LimitRule>> make(const LimitSection& section, LimitState& state,
                                                 metrics::Registry& registry);

  const std::string& name() const { return name_; }
  bool is_dry_run() const { return dry_run_; }
  uint64_t key_of(const RequestFacts& request) const;
  // The key as text, for people; what is not there is "-".
  std::string describe_key(const RequestFacts& request) const;
  const limit::Limiter& limiter() const { return *limiter_; }
  // `"name";q=100;w=60`, the rule's item of RateLimit-Policy.
  const std::string& policy_item() const { return policy_item_; }

  RuleMetrics metrics;

 private:
  enum class PartKind { ip, route, api_key, header, cookie, global };
  struct Part {
    PartKind kind;
    std::string name;
  };

  // Calls `use` with each part of the key as text.
  template <typename Use>
  void each_part(const RequestFacts& request, Use use) const;

  std::string name_;
  bool dry_run_;
  unsigned ipv6_prefix_;
  std::vector<Part> parts_;
  std::unique_ptr<limit::Limiter> limiter_;
  std::string policy_item_;
};

// What all rules that apply to a request say together.
struct LimitVerdict {
  enum class Kind { none, pass, delay, dry_run, reject };
  Kind kind = Kind::none;
  const LimitRule* rule = nullptr;  // that decided: rejected, delayed longest, or has least remaining
  limit::Decision decision;         // the rule's
  std::string_view to_string() const;
};

// Decides all rules and counts the request under them. When one rejects, none has counted it (but those in
// dry run): a client that is refused by one rule does not use up another.
LimitVerdict apply_limits(std::span<const LimitRule* const> rules, const RequestFacts& request,
                          limit::Time now);

// The RateLimit-Policy and RateLimit fields (draft-ietf-httpapi-ratelimit-headers-10) for an answer.
void append_limit_fields(std::string& out, std::span<const LimitRule* const> rules,
                         const LimitVerdict& verdict);
// The body of a 429 (RFC 9457) with the type that the draft names.
void append_quota_problem(std::string& out, const LimitVerdict& verdict);
// Whole seconds for Retry-After, rounded up, at least 1.
uint64_t retry_after_seconds(const limit::Decision& decision);

}  // namespace weir::gateway
