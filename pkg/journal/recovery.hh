// What a journal does before it takes records: reads all that is there, tells a torn tail from damage, and
// leaves the directory so that a new segment can follow.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/journal/directory.hh"
#include "pkg/journal/format.hh"

namespace weir::journal {

// Who takes what is recovered: the snapshot first, if there is one, then each record after it, in order. An
// error ends the opening of the journal.
struct Replay {
  std::function<Result<>(Sequence covered, std::string_view bytes)> snapshot;
  std::function<Result<>(Sequence sequence, std::string_view record)> record;
};

struct Recovered {
  std::optional<Sequence> snapshot;  // what the one that was loaded covers
  Sequence last = 0;                 // of the last record, or of what the snapshot covers
  uint64_t records = 0;              // that were replayed
  // Bytes of an unfinished write after the last record, which never was acknowledged. They were cut off.
  uint64_t torn_bytes = 0;
  // Newer snapshots that are damaged, in words; an older one and the records after it stood in for them. The
  // files have ".damaged" at the end of their names now.
  std::vector<std::string> damaged_snapshots;
  // What lies behind `last` is damaged, and was acknowledged once: the journal is read-only. Says what.
  std::optional<Error> damage;
};

enum class OnDamage {
  fail,       // the journal does not open
  read_only,  // what stands before it is replayed, nothing is appended, nothing in the directory changes
};

Result<Recovered> recover(Directory& directory, const Replay& replay, OnDamage on_damage);

}  // namespace weir::journal
