// A keyspace after a restart: restored from a snapshot, then each record redone.

#include "pkg/keyspace/keyspace.hh"
#include "pkg/keyspace/record.hh"

namespace weir::keyspace {

namespace {

constexpr uint32_t kSnapshotForm = 1;

std::unexpected<Error> bad_record() {
  return fail(Errc::invalid, "the record is not one of a keyspace that was before it");
}

}  // namespace

// A record that passed its checksum and yet does not fit what is here comes from another log or from a bug:
// nothing may be guessed then.
Result<> Keyspace::redo(std::string_view record, Millis now) {
  WireReader wire(record);
  while (wire.is_good() && !wire.rest().empty()) {
    switch (static_cast<Step>(wire.u8())) {
      case Step::put: {
        const std::string key(wire.text());
        std::string value(wire.text());
        const auto lease = static_cast<LeaseId>(wire.u64());
        if (!wire.is_good() || key.empty() || (lease != 0 && !leases_.contains(lease))) return bad_record();
        put(key, std::move(value), lease);
        break;
      }
      case Step::erase: {
        const std::string key(wire.text());
        if (!wire.is_good() || keys_.find(key) == nullptr) return bad_record();
        erase(key);
        break;
      }
      case Step::grant: {
        const auto id = static_cast<LeaseId>(wire.u64());
        const Millis ttl(static_cast<int64_t>(wire.u64()));
        const bool ends_with_keys = wire.u8() != 0;
        std::string note(wire.text());
        if (!wire.is_good() || id <= 0 || leases_.contains(id)) return bad_record();
        grant(id, ttl, ends_with_keys, std::move(note), now);
        break;
      }
      case Step::revoke: {
        const auto id = static_cast<LeaseId>(wire.u64());
        if (!wire.is_good() || !leases_.contains(id)) return bad_record();
        revoke(id);
        break;
      }
      default:
        return bad_record();
    }
  }
  if (!wire.is_whole()) return bad_record();
  end_revision();
  return {};
}

std::string Keyspace::snapshot() const {
  std::string out;
  WireWriter wire(out);
  wire.u32(kSnapshotForm).u64(static_cast<uint64_t>(revision_)).u64(leases_.size()).u64(keys_.size());
  for (const auto& [id, lease] : leases_)
    RecordWriter(out).grant(id, lease.ttl, lease.ends_with_keys, lease.note);
  for (const auto& [key, held] : keys_.ordered()) {
    wire.text(key).text(held->value).u64(static_cast<uint64_t>(held->created));
    wire.u64(static_cast<uint64_t>(held->modified)).u64(static_cast<uint64_t>(held->version));
    wire.u64(static_cast<uint64_t>(held->lease));
  }
  return out;
}

Result<> Keyspace::restore(std::string_view snapshot, Millis now) {
  WireReader wire(snapshot);
  const auto refuse = [] {
    return fail(Errc::invalid, "the snapshot is not one of a keyspace of this version");
  };
  if (wire.u32() != kSnapshotForm) return refuse();
  revision_ = forgotten_ = static_cast<Revision>(wire.u64());
  const uint64_t leases = wire.u64();
  const uint64_t keys = wire.u64();
  for (uint64_t i = 0; i < leases && wire.is_good(); ++i) {
    if (static_cast<Step>(wire.u8()) != Step::grant) return refuse();
    const auto id = static_cast<LeaseId>(wire.u64());
    const Millis ttl(static_cast<int64_t>(wire.u64()));
    const bool ends_with_keys = wire.u8() != 0;
    grant(id, ttl, ends_with_keys, std::string(wire.text()), now);
  }
  for (uint64_t i = 0; i < keys && wire.is_good(); ++i) {
    KeyValue held;
    held.key = wire.text();
    held.value = wire.text();
    held.created = static_cast<Revision>(wire.u64());
    held.modified = static_cast<Revision>(wire.u64());
    held.version = static_cast<int64_t>(wire.u64());
    held.lease = static_cast<LeaseId>(wire.u64());
    if (held.lease != 0) {
      const auto lease = leases_.find(held.lease);
      if (lease == leases_.end()) return refuse();
      lease->second.keys.insert(held.key);
    }
    KeyValuePtr& slot = keys_[held.key];
    slot = std::make_shared<const KeyValue>(std::move(held));
  }
  if (!wire.is_whole()) return refuse();
  return {};
}

}  // namespace weir::keyspace
