#include "pkg/gateway/handover.hh"

#include <algorithm>

#include "pkg/base/wire.hh"

namespace weir::gateway {
namespace {

constexpr uint8_t kForm = 1;

std::shared_ptr<Server> find_server(const std::vector<std::shared_ptr<Upstream>>& upstreams,
                                    std::string_view upstream, std::string_view server) {
  for (const auto& one : upstreams) {
    if (one->name == upstream) return one->state->find(std::string(server));
  }
  return nullptr;
}

void write_rest(WireWriter& writer, const aio::TunnelRest& rest) {
  writer.text(rest.bytes).u8(rest.finished ? 1 : 0);
}

aio::TunnelRest read_rest(WireReader& reader) {
  aio::TunnelRest rest;
  rest.bytes = reader.text();
  rest.finished = reader.u8() != 0;
  return rest;
}

}  // namespace

std::string save_breakers(const std::vector<std::shared_ptr<Upstream>>& upstreams) {
  std::string out;
  WireWriter writer(out);
  writer.u8(kForm);
  for (const auto& upstream : upstreams) {
    for (const auto& server : upstream->state->servers()) {
      const auto saved = server->breaker.save();
      writer.text(upstream->name).text(server->name()).u8(static_cast<uint8_t>(saved.state));
      writer.u64(saved.times_opened).u64(saved.failures_in_row);
      writer.u64(static_cast<uint64_t>(saved.changed_at.time_since_epoch().count()));
      writer.u64(static_cast<uint64_t>(saved.open_for.count()));
    }
  }
  return out;
}

Result<> restore_breakers(std::string_view saved, const std::vector<std::shared_ptr<Upstream>>& upstreams) {
  WireReader reader(saved);
  if (reader.u8() != kForm) return fail(Errc::invalid, "breakers that were saved in another form");
  while (!reader.rest().empty()) {
    const std::string_view upstream = reader.text();
    const std::string_view server = reader.text();
    const uint8_t state = reader.u8();
    resilience::CircuitBreaker::Saved breaker;
    breaker.times_opened = reader.u64();
    breaker.failures_in_row = reader.u64();
    breaker.changed_at = MonotonicTime(MonotonicTime::duration(static_cast<int64_t>(reader.u64())));
    breaker.open_for = Duration(static_cast<int64_t>(reader.u64()));
    if (!reader.is_good() || state > static_cast<uint8_t>(resilience::BreakerState::half_open) ||
        breaker.changed_at > MonotonicTime::clock::now())
      return fail(Errc::invalid, "breakers that are not well-formed");
    breaker.state = static_cast<resilience::BreakerState>(state);
    if (const auto found = find_server(upstreams, upstream, server)) found->breaker.restore(breaker);
  }
  return {};
}

std::string encode(const TunnelRecord& record) {
  std::string out;
  WireWriter writer(out);
  writer.u8(kForm).text(record.upstream);
  write_rest(writer, record.to_upstream);
  write_rest(writer, record.to_client);
  return out;
}

Result<TunnelRecord> decode_tunnel(std::string_view bytes) {
  WireReader reader(bytes);
  if (reader.u8() != kForm) return fail(Errc::invalid, "a tunnel in another form");
  TunnelRecord record;
  record.upstream = reader.text();
  record.to_upstream = read_rest(reader);
  record.to_client = read_rest(reader);
  if (!reader.is_whole()) return fail(Errc::invalid, "a tunnel that is not well-formed");
  return record;
}

}  // namespace weir::gateway
