#include "pkg/gateway/saved_state.hh"

#include "pkg/base/text.hh"
#include "pkg/base/wire.hh"

namespace weir::gateway {
namespace {

constexpr uint8_t kForm = 1;
// Records follow each other, each with its kind in front.
enum Kind : uint8_t { kUpstream = 1, kSplit = 2, kListener = 3 };

void save_upstream(WireWriter& writer, const UpstreamState& state) {
  writer.u8(kUpstream).text(state.name()).text(state.secret());
  std::string added;
  if (const auto* entries = state.source(UpstreamState::kAdminSource)) {
    for (const discovery::ListedServer& entry : *entries) added += entry.to_string() + "\n";
  }
  writer.text(added).text(to_text(state.pool.export_state(MonotonicTime::clock::now())));
}

Result<> restore_upstream(WireReader& reader, const Snapshot& snapshot) {
  const std::string_view name = reader.text();
  const std::string_view secret = reader.text();
  const std::string_view added = reader.text();
  const std::string_view pool = reader.text();
  for (const auto& upstream : snapshot.upstreams) {
    if (upstream->name != name) continue;
    auto state = balance::parse_pool_state(pool);
    if (!state) return std::unexpected(std::move(state.error()));
    std::vector<discovery::ListedServer> entries;
    for (const std::string_view line : split(added, '\n')) {
      auto entry = discovery::ListedServer::parse(line);
      if (entry) entries.push_back(std::move(*entry));
    }
    upstream->state->set_secret(std::string(secret));
    upstream->state->pool.import_state(std::move(*state), MonotonicTime::clock::now());
    if (!entries.empty()) return upstream->state->set_source(UpstreamState::kAdminSource, std::move(entries));
  }
  return {};
}

void save_split(WireWriter& writer, const Split& split) {
  const auto weights = split.state->weights.current().get();
  writer.u8(kSplit).text(split.name).u8(split.state->rolled_back ? 1 : 0).u64(weights->parts().size());
  for (const balance::SplitPart& part : weights->parts()) writer.text(part.pool).u64(part.weight);
}

Result<> restore_split(WireReader& reader, const Snapshot& snapshot) {
  const std::string name(reader.text());
  const bool rolled_back = reader.u8() != 0;
  const uint64_t count = reader.u64();
  std::map<std::string, uint64_t> weights;
  for (uint64_t i = 0; i < count && reader.is_good(); ++i) {
    const std::string pool(reader.text());
    weights[pool] = reader.u64();
  }
  const auto known = snapshot.splits.find(name);
  if (!reader.is_good() || known == snapshot.splits.end()) return {};
  Split& split = *known->second;
  for (const auto& [pool, weight] : weights) {
    if (!split.upstreams.contains(pool) || weight > balance::Split::kMostWeight)
      return {};  // another split by now
  }
  auto made = make_weights(weights);
  if (!made) return std::unexpected(std::move(made.error()));
  split.state->weights.set(std::move(*made));
  split.state->rolled_back = rolled_back;
  return {};
}

Result<> restore_listener(WireReader& reader, const ListenerStates& listeners) {
  const std::string name(reader.text());
  const std::string_view keys = reader.text();
  const auto known = listeners.find(name);
  if (known == listeners.end()) return {};
  auto imported = aio::TicketKeys::import_bytes(keys);
  if (!imported) return std::unexpected(std::move(imported.error()));
  known->second->ticket_keys = std::move(*imported);
  return {};
}

}  // namespace

std::string save_state(const Snapshot& snapshot, const ListenerStates& listeners) {
  std::string out;
  WireWriter writer(out);
  writer.u8(kForm);
  for (const auto& upstream : snapshot.upstreams) save_upstream(writer, *upstream->state);
  for (const auto& [name, split] : snapshot.splits) save_split(writer, *split);
  for (const auto& [name, state] : listeners)
    writer.u8(kListener).text(name).text(state->ticket_keys->export_bytes());
  return out;
}

Result<> restore_state(std::string_view saved, const Snapshot& snapshot, const ListenerStates& listeners) {
  WireReader reader(saved);
  if (reader.u8() != kForm) return fail(Errc::invalid, "state that was saved in another form");
  while (reader.is_good() && !reader.rest().empty()) {
    Result<> restored = fail(Errc::invalid, "a record of a kind that is not known");
    switch (reader.u8()) {
      case kUpstream:
        restored = restore_upstream(reader, snapshot);
        break;
      case kSplit:
        restored = restore_split(reader, snapshot);
        break;
      case kListener:
        restored = restore_listener(reader, listeners);
        break;
      default:
        break;
    }
    if (!restored) return restored;
  }
  return reader.is_good() ? Result<>{} : fail(Errc::invalid, "state that is not well-formed");
}

}  // namespace weir::gateway
