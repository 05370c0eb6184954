#include "pkg/gateway/limit_section.hh"

namespace weir::gateway {

config::Table<LimitsSection> limits_table() {
  config::Table<LimitsSection> t;
  t.key("table_size", &LimitsSection::table_size)
      .bounds(Bytes{4096}, Bytes{uint64_t{1} << 36})
      .reload(false)
      .doc(
          "Memory for the state of all rules but sliding_window's: 16 bytes a key. When it is full, the keys "
          "that were seen least recently are forgotten first, and those over their limit last.");
  t.key("log_size", &LimitsSection::log_size)
      .bounds(Bytes{4096}, Bytes{uint64_t{1} << 36})
      .reload(false)
      .doc("Memory for the logs of sliding_window rules.");
  return t;
}

config::Table<LimitSection> limit_table() {
  config::Table<LimitSection> t;
  t.key("name", &LimitSection::name)
      .required()
      .unique()
      .example("per-client")
      .doc(
          "The rule's name, in answers, logs and metrics. Its state is kept under this name across reloads.");
  t.choice("algorithm", &LimitSection::algorithm,
           {{"token_bucket", limit::Algorithm::token_bucket},
            {"leaky_bucket", limit::Algorithm::leaky_bucket},
            {"fixed_window", limit::Algorithm::fixed_window},
            {"sliding_window", limit::Algorithm::sliding_window},
            {"sliding_counter", limit::Algorithm::sliding_counter}})
      .doc("How requests are counted.");
  t.key("rate", &LimitSection::rate).required().example("100/minute").doc("How many requests in how long.");
  t.key("burst", &LimitSection::burst)
      .bounds(0, 1'000'000'000)
      .doc(
          "For the buckets: how many may come at once (token_bucket), or wait (leaky_bucket). 0 means the "
          "rate's "
          "count.");
  t.key("key", &LimitSection::key)
      .doc(
          "What is counted apart: ip, route, api_key (X-Api-Key or a bearer token), header:NAME, "
          "cookie:NAME, "
          "global, or several of these together.");
  t.key("ipv6_prefix", &LimitSection::ipv6_prefix)
      .bounds(1, 128)
      .doc("How many bits of an IPv6 address make a client: one household or host has a /64.");
  t.key("routes", &LimitSection::routes)
      .example("api")
      .doc("Names of the routes it applies to. None means all.");
  t.choice("action", &LimitSection::action,
           {{"reject", LimitAction::reject}, {"dry_run", LimitAction::dry_run}})
      .doc("What happens beyond the limit: answer 429, or only count and log.");
  return t;
}

}  // namespace weir::gateway
