// State as bytes, for a process that takes over from this one: the hash key, the names of the table's
// readers, and what every key has used. The clock is the machine's, so times mean the same to both.

#include <algorithm>
#include <set>

#include "pkg/base/wire.hh"
#include "pkg/limit/limiter.hh"

namespace weir::limit {
namespace {

constexpr uint32_t kForm = 1;

}  // namespace

std::string State::save() const {
  std::string out;
  WireWriter(out).u32(kForm).u64(hash_key.k0).u64(hash_key.k1);
  table.save(out);
  logs.save(out);
  return out;
}

Result<std::unique_ptr<State>> State::restore(std::string_view saved, Bytes table_size, Bytes log_size) {
  WireReader reader(saved);
  if (reader.u32() != kForm) return fail(Errc::invalid, "limits that were saved in another form");
  HashKey key;
  key.k0 = reader.u64();
  key.k1 = reader.u64();
  auto state = std::make_unique<State>(table_size, log_size, key);
  const bool loaded = state->table.load(reader) && state->logs.load(reader);
  if (!loaded || !reader.is_whole()) return fail(Errc::invalid, "limits that are not well-formed");
  return state;
}

void Table::save(std::string& out) const {
  WireWriter writer(out);
  {
    const std::lock_guard lock(mutex_);
    const auto is_named = [](const Name& name) { return !name.text.empty(); };
    writer.u32(static_cast<uint32_t>(std::ranges::count_if(names_, is_named)));
    for (size_t i = 1; i < names_.size(); ++i) {
      if (is_named(names_[i])) writer.u8(static_cast<uint8_t>(i)).text(names_[i].text);
    }
  }
  // A set's number has the lowest bits of its keys' hashes, which their tags lack.
  for (size_t set = 0; set < set_count_; ++set) {
    for (const Entry& entry : sets_.get()[set].entries) {
      const Value held = load(entry);
      if (held.tag == 0) continue;
      writer.u8(static_cast<uint8_t>(held.tag)).u64((held.tag & ~uint64_t{0xff}) | (set & 0xff));
      writer.u64(held.state);
    }
  }
  writer.u8(0);
}

bool Table::load(WireReader& reader) {
  const uint32_t names = reader.u32();
  if (names >= names_.size()) return false;
  std::set<std::string_view> known;
  for (uint32_t i = 0; i < names; ++i) {
    const uint8_t number = reader.u8();
    const std::string_view text = reader.text();
    if (number == 0 || text.empty() || !names_[number].text.empty() || !known.insert(text).second)
      return false;
    names_[number].text = text;
  }
  for (uint8_t number = reader.u8(); number != 0; number = reader.u8()) {
    const uint64_t hash = reader.u64();
    const uint64_t state = reader.u64();
    if (names_[number].text.empty()) return false;
    const uint64_t tag = tag_of(hash, number);
    Set& set = set_of(hash);
    Entry* place = find(set, tag) == nullptr ? find(set, 0) : nullptr;
    if (place == nullptr) continue;  // a smaller table that is full there
    place->state.store(state, std::memory_order_relaxed);
    place->tag.store(tag, std::memory_order_relaxed);
    count_first_use();
  }
  return reader.is_good();
}

void LogStore::save(std::string& out) const {
  WireWriter writer(out);
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    shard.logs.each([&writer, &shard](const Log& log) {
      if (log.size == 0) return;
      writer.u32(log.size).u64(log.hash).u32(log.limit).u64(log.period);
      for (size_t i = 0; i < log.size; ++i) writer.u64(shard.logs.at(log, i));
    });
  }
  writer.u32(0);
}

bool LogStore::load(WireReader& reader) {
  for (uint32_t size = reader.u32(); size != 0; size = reader.u32()) {
    const uint64_t hash = reader.u64();
    const Rate rate{reader.u32(), Duration(static_cast<int64_t>(reader.u64()))};
    const std::string_view times = reader.take(size_t{size} * sizeof(uint64_t));
    if (!reader.is_good() || rate.count == 0 || rate.period <= Duration{0}) return false;
    Shard& shard = shard_of(hash);
    if (shard.logs.find(hash) != nullptr) return false;
    WireReader in_log(times);
    Log* log = nullptr;
    Time newest = 0;
    for (uint32_t i = 0; i < size; ++i) {
      const Time time = in_log.u64();
      if (time < newest) return false;
      newest = time;
      if (log == nullptr && (log = shard.logs.create(hash, rate, time, size)) == nullptr) break;
      shard.logs.push(*log, time);  // into what create() has reserved
    }
  }
  return reader.is_good();
}

}  // namespace weir::limit
