// What the files of a journal look like. All numbers are little-endian, all checksums CRC32C.
//
// A segment, `segment-FIRST` with the sequence of its first record in twenty digits:
//
//     offset  bytes
//     0       8      "WEIRSEG1"
//     8       8      sequence of the first record; all before it were durable when this file was named
//     16      8      salt, a random number
//     24      4      checksum of the 24 bytes before it
//     28      4      zero
//     32             frames, each at a multiple of 8, with zeros between them
//     then           zeros, up to the size the file was allocated with; none after a clean close
//
// A frame holds what one commit wrote. Its header is checked by itself, so that it can be believed when what
// stands before or after it cannot:
//
//     0       4      checksum of the 28 bytes after it, begun with the checksum of the segment's salt
//     4       4      bytes of records, n
//     8       8      sequence of the first record
//     16      8      synced: the last sequence known to be on the disk when this frame was written
//     24      4      number of records; none in a mark, which only says what is synced
//     28      4      checksum of the records
//     32      n      records: each 4 bytes of length and that many bytes
//
// The salt makes frames of another file, whose blocks this one got, no frames here.
//
// A snapshot, `snapshot-COVERED` with the last sequence it covers:
//
//     0       8      "WEIRSNP1"
//     8       8      last sequence covered
//     16      8      bytes, n
//     24      4      checksum of the bytes
//     28      4      checksum of the 28 bytes before it
//     32      n      bytes
//
// Both kinds are written under a name that ends in ".tmp", synced and then renamed, so a file of the right
// name has a whole header: where it has not, the disk has changed it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/base/result.hh"

namespace weir::journal {

using Sequence = uint64_t;  // of a record: 1, 2, 3 and so on, for ever

constexpr Sequence kMaxSequence = Sequence{1} << 62;  // more is not believed: no sum of two wraps around

constexpr size_t kHeaderBytes = 32;  // of a segment, of a frame and of a snapshot
constexpr uint64_t kMaxRecordBytes = 16 << 20;
constexpr std::string_view kUnfinished = ".tmp";

std::string segment_name(Sequence first);
std::string snapshot_name(Sequence covered);

// The files that are a journal's; all others are none of its business.
struct Files {
  std::vector<Sequence> segments;   // their first sequences, ascending
  std::vector<Sequence> snapshots;  // what they cover, ascending
  std::vector<std::string> unfinished;
};
Files sort_names(const std::vector<std::string>& names);

struct SegmentHeader {
  Sequence first = 0;
  uint64_t salt = 0;

  std::string encode() const;
  static std::optional<SegmentHeader> decode(std::string_view bytes);
};

struct FrameHeader {
  uint32_t size = 0;  // of the records
  Sequence first = 0;
  Sequence synced = 0;
  uint32_t count = 0;
  uint32_t checksum = 0;  // of the records

  std::string encode(uint64_t salt) const;
  static std::optional<FrameHeader> decode(std::string_view bytes, uint64_t salt);
  uint64_t padded_size() const { return kHeaderBytes + (uint64_t{size} + 7) / 8 * 8; }
};

struct SnapshotHeader {
  Sequence covered = 0;
  uint64_t size = 0;
  uint32_t checksum = 0;

  std::string encode() const;
  static std::optional<SnapshotHeader> decode(std::string_view bytes);
};

}  // namespace weir::journal
