#include "pkg/gateway/upstream_json.hh"

namespace weir::gateway {
namespace {

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

constexpr int kMicroseconds = 6;
constexpr int kShareDigits = 4;

}  // namespace

void append_server(JsonWriter& json, const Upstream& upstream, const balance::MemberStatus& status) {
  const balance::Member& member = *status.member;
  const Server& server = *member.companion<Server>();
  json.begin_object().key("name").string(member.name());
  json.key("address").string(server.address().to_string());
  json.key("source").string(upstream.state->source_of(member.name()));
  json.key("state").string(balance::to_string(status.state)).key("why").string(status.why);
  json.key("admin").string(balance::to_string(status.admin));
  json.key("weight").number(uint64_t{status.weight}).key("share").number(status.share, kShareDigits);
  json.key("in_flight").number(member.in_flight());
  json.key("requests").number(member.requests()).key("failures").number(member.failures());
  json.key("latency_seconds").begin_object();
  json.key("p50").number(seconds(status.recent.p50), kMicroseconds);
  json.key("p90").number(seconds(status.recent.p90), kMicroseconds);
  json.key("p99").number(seconds(status.recent.p99), kMicroseconds).end_object();
  json.key("breaker").string(resilience::to_string(server.breaker.state()));
  json.key("breaker_opened").number(server.breaker.times_opened()).end_object();
}

void append_upstream(JsonWriter& json, const Upstream& upstream) {
  const UpstreamState& state = *upstream.state;
  json.begin_object().key("name").string(upstream.name);
  json.key("algorithm").string(balance::to_string(upstream.settings.algorithm));
  json.key("panic").boolean(state.pool.is_panic());
  json.key("in_flight").number(state.bulkhead.inside()).key("queued").number(state.bulkhead.queued());
  json.key("max_in_flight").number(upstream.settings.max_in_flight);
  json.key("attempts").number(upstream.metrics.attempts->total());
  json.key("failures").number(upstream.metrics.failures->total());
  json.key("servers").begin_array();
  for (const balance::MemberStatus& status : state.pool.status()) append_server(json, upstream, status);
  json.end_array().end_object();
}

}  // namespace weir::gateway
