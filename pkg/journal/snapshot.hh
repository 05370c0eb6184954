// Snapshots: what a state machine was, so that the records before need not be replayed. The last two stay;
// the older one is there in case the disk damages the newer.
#pragma once

#include <string>
#include <string_view>

#include "pkg/journal/file.hh"
#include "pkg/journal/format.hh"

namespace weir::journal {

// Whole under its name, and durable, when this returns.
Result<> write_snapshot(Directory& directory, Sequence covered, std::string_view bytes);

// Syncs the segment that holds the record. The ones before it were synced before it got its name.
Result<> sync_segment_of(Directory& directory, Sequence record);

// Errc::invalid for one that is damaged.
Result<std::string> read_snapshot(Directory& directory, Sequence covered);

// Removes all snapshots but the last two, and the segments that hold nothing after the older of these.
Result<> remove_covered(Directory& directory);

}  // namespace weir::journal
