#include "pkg/gateway/split_section.hh"

#include "pkg/balance/split.hh"
#include "pkg/gateway/request_key.hh"
#include "pkg/http/syntax.hh"

namespace weir::gateway {
namespace {

void check(const SplitSection& section, config::Report& report) {
  uint64_t sum = 0;
  for (const auto& [upstream, weight] : section.weights) sum += weight;
  if (sum == 0) report.error("weights", "some weight must be above 0");
  if (!section.sticky_key.empty() && !RequestKey::is_valid(section.sticky_key))
    report.error("sticky_key", "use ip, path, header:NAME or cookie:NAME");
  if (!section.force_header.empty() && !http::is_token(section.force_header))
    report.error("force_header", "not a header field's name");
  if (!section.force_cookie.empty() && !http::is_token(section.force_cookie))
    report.error("force_cookie", "not a cookie's name");
  if (!section.canary.empty() && !section.weights.contains(section.canary))
    report.error("canary", "\"" + section.canary + "\" is not among the weights");
}

}  // namespace

config::Table<SplitSection> split_table() {
  using namespace std::chrono_literals;
  config::Table<SplitSection> t;
  t.key("weights", &SplitSection::weights)
      .bounds(0, balance::Split::kMostWeight)
      .required()
      .at_least(1)
      .doc("Upstreams and their parts: { blue = 95, green = 5 }. 0 is for who is sent there by name only.");
  t.key("sticky_key", &SplitSection::sticky_key)
      .example("ip")
      .doc(
          "What keeps a client with one upstream while weights change no more than they must: ip, "
          "header:NAME "
          "or cookie:NAME. Empty means that each request is drawn anew.");
  t.key("force_header", &SplitSection::force_header)
      .example("X-Pool")
      .doc("A request field whose value names the upstream to take.");
  t.key("force_cookie", &SplitSection::force_cookie)
      .example("pool")
      .doc("A cookie whose value names the upstream to take, where the field does not.");
  t.key("canary", &SplitSection::canary)
      .example("green")
      .doc(
          "An upstream that is watched: when it does worse than the others together, its weight is set to 0. "
          "Empty means none.");
  t.key("canary_error_margin", &SplitSection::canary_error_margin)
      .bounds(0.0, 1.0)
      .doc("How much more often it may fail (5xx, or no answer), beyond what chance explains.");
  t.key("canary_latency_factor", &SplitSection::canary_latency_factor)
      .bounds(0.0, 1000.0)
      .doc("How many times their 99th percentile of latency its own may be. 0 means any.");
  t.key("canary_minimum", &SplitSection::canary_minimum)
      .bounds(1, 1'000'000)
      .doc("Requests of each side within the window below which nothing is concluded.");
  t.key("canary_window", &SplitSection::canary_window).bounds(1s, 24h).doc("The window of these rules.");
  t.check(check);
  return t;
}

}  // namespace weir::gateway
