#include "pkg/gateway/limits.hh"

#include <algorithm>
#include <array>

#include "pkg/base/json.hh"
#include "pkg/base/text.hh"
#include "pkg/http/cookie.hh"
#include "pkg/http/write.hh"

namespace weir::gateway {
namespace {

std::string_view find_api_key(const http::FieldList& fields) {
  if (const auto key = fields.find(http::FieldId::x_api_key)) return *key;
  const auto authorization = fields.find(http::FieldId::authorization).value_or("");
  constexpr std::string_view kBearer = "bearer ";
  if (!iequals(authorization.substr(0, kBearer.size()), kBearer)) return {};
  return trim(authorization.substr(kBearer.size()));
}

uint64_t seconds_up(Duration duration) {
  return static_cast<uint64_t>(std::chrono::ceil<std::chrono::seconds>(duration).count());
}

// A structured-fields string (RFC 8941 3.3.3); names are checked to be printable ASCII by the config.
void append_sf_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

}  // namespace

Result<std::unique_ptr<LimitRule>> LimitRule::make(const LimitSection& section, LimitState& state,
                                                   metrics::Registry& registry) {
  const limit::Policy policy{section.name, section.algorithm, section.rate, section.burst};
  auto limiter = limit::Limiter::make(policy, state);
  if (!limiter) return std::unexpected(std::move(limiter.error()).context("limit " + section.name));
  auto rule = std::make_unique<LimitRule>();
  rule->name_ = section.name;
  rule->dry_run_ = section.action == LimitAction::dry_run;
  rule->ipv6_prefix_ = static_cast<unsigned>(section.ipv6_prefix);
  for (const std::string_view key : section.key) {
    if (key == "ip") rule->parts_.push_back({PartKind::ip, {}});
    if (key == "route") rule->parts_.push_back({PartKind::route, {}});
    if (key == "api_key") rule->parts_.push_back({PartKind::api_key, {}});
    if (key == "global") rule->parts_.push_back({PartKind::global, {}});
    if (key.starts_with("header:")) rule->parts_.push_back({PartKind::header, std::string(key.substr(7))});
    if (key.starts_with("cookie:")) rule->parts_.push_back({PartKind::cookie, std::string(key.substr(7))});
  }
  rule->limiter_ = std::move(*limiter);
  rule->metrics = make_rule_metrics(registry, section.name);
  append_sf_string(rule->policy_item_, section.name);
  const limit::Rate quota = policy.quota();
  rule->policy_item_ += ";q=" + std::to_string(quota.count);
  rule->policy_item_ += ";w=" + std::to_string(std::max<uint64_t>(1, seconds_up(quota.period)));
  return rule;
}

template <typename Use>
void LimitRule::each_part(const RequestFacts& request, Use use) const {
  for (const Part& part : parts_) {
    switch (part.kind) {
      case PartKind::ip: {
        const IpAddress address =
            request.client.is_v4() ? request.client : request.client.masked(ipv6_prefix_);
        use(std::string_view(reinterpret_cast<const char*>(address.bytes().data()), 16), part);
        break;
      }
      case PartKind::route:
        use(request.route, part);
        break;
      case PartKind::api_key:
        use(find_api_key(request.fields), part);
        break;
      case PartKind::header:
        use(request.fields.find(part.name).value_or(""), part);
        break;
      case PartKind::cookie:
        use(http::find_cookie(request.fields, part.name).value_or(""), part);
        break;
      case PartKind::global:
        use("", part);
        break;
    }
  }
}

uint64_t LimitRule::key_of(const RequestFacts& request) const {
  limit::KeyBuilder key(*limiter_);
  each_part(request, [&](std::string_view text, const Part&) { key.add(text); });
  return key.finish();
}

std::string LimitRule::describe_key(const RequestFacts& request) const {
  std::string out;
  each_part(request, [&](std::string_view text, const Part& part) {
    if (!out.empty()) out += ' ';
    if (part.kind == PartKind::ip) {
      const bool masked = !request.client.is_v4() && ipv6_prefix_ < 128;
      out += masked ? Cidr{request.client.masked(ipv6_prefix_), ipv6_prefix_}.to_string()
                    : request.client.to_string();
    } else if (part.kind == PartKind::global) {
      out += "global";
    } else {
      out += text.empty() ? "-" : text;
    }
  });
  return out;
}

std::string_view LimitVerdict::to_string() const {
  switch (kind) {
    case Kind::none:
      return "none";
    case Kind::pass:
      return "pass";
    case Kind::delay:
      return "delay";
    case Kind::dry_run:
      return "dry_run";
    case Kind::reject:
      return "reject";
  }
  return "none";
}

LimitVerdict apply_limits(std::span<const LimitRule* const> rules, const RequestFacts& request,
                          limit::Time now) {
  using Kind = LimitVerdict::Kind;
  LimitVerdict verdict;
  std::array<uint64_t, kMostRulesForARequest> keys;
  for (size_t i = 0; i < rules.size(); ++i) {
    keys[i] = rules[i]->key_of(request);
    rules[i]->limiter().prefetch(keys[i]);  // the misses of several rules overlap
  }
  for (size_t i = 0; i < rules.size(); ++i) {
    const LimitRule& rule = *rules[i];
    const limit::Decision decision = rule.limiter().decide(keys[i], now);
    if (!decision.allowed && !rule.is_dry_run()) {
      rule.metrics.rejected->add();
      for (size_t j = 0; j < i; ++j) {
        if (!rules[j]->is_dry_run()) rules[j]->limiter().refund(keys[j], now);
      }
      return {Kind::reject, &rule, decision};
    }
    if (!decision.allowed) {
      rule.metrics.dry_run->add();
      if (verdict.kind <= Kind::delay) verdict = {Kind::dry_run, &rule, decision};
      continue;
    }
    const bool delays = decision.delay > Duration{0} && !rule.is_dry_run();
    (delays ? rule.metrics.delayed : rule.metrics.passed)->add();
    if (rule.is_dry_run() && verdict.rule != nullptr) continue;
    if (delays && (verdict.kind != Kind::delay || decision.delay > verdict.decision.delay)) {
      verdict = {Kind::delay, &rule, decision};
    } else if (verdict.kind == Kind::none ||
               (verdict.kind == Kind::pass && decision.remaining < verdict.decision.remaining)) {
      verdict = {Kind::pass, &rule, decision};
    }
  }
  return verdict;
}

void append_limit_fields(std::string& out, std::span<const LimitRule* const> rules,
                         const LimitVerdict& verdict) {
  if (verdict.rule == nullptr || verdict.rule->is_dry_run()) return;
  out += "RateLimit-Policy: ";
  bool first = true;
  for (const LimitRule* rule : rules) {
    if (rule->is_dry_run()) continue;
    if (!first) out += ", ";
    first = false;
    out += rule->policy_item();
  }
  out += "\r\nRateLimit: ";
  append_sf_string(out, verdict.rule->name());
  out += ";r=";
  append_uint(out, verdict.decision.allowed ? verdict.decision.remaining : 0);
  // A client that was refused learns from t when it may come again: Retry-After says the same.
  out += ";t=";
  append_uint(out, verdict.decision.allowed ? seconds_up(verdict.decision.reset)
                                            : retry_after_seconds(verdict.decision));
  out += "\r\n";
}

void append_quota_problem(std::string& out, const LimitVerdict& verdict) {
  JsonWriter json(out);
  json.begin_object();
  json.key("type").string("https://iana.org/assignments/http-problem-types#quota-exceeded");
  json.key("title").string("Request cannot be satisfied as assigned quota has been exceeded");
  json.key("status").number(uint64_t{429});
  json.key("violated-policies").begin_array().string(verdict.rule->name()).end_array();
  json.end_object();
  out += '\n';
}

uint64_t retry_after_seconds(const limit::Decision& decision) {
  return std::max<uint64_t>(1, seconds_up(decision.retry_after));
}

}  // namespace weir::gateway
