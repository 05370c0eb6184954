// One segment file, written and read. format.hh says what stands in it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "pkg/base/units.hh"
#include "pkg/journal/file.hh"
#include "pkg/journal/format.hh"

namespace weir::journal {

// Appends frames. Blocks; for the one thread that writes.
class SegmentWriter {
 public:
  // Makes the file with room for `size` bytes, or fails while nothing depends on it yet.
  static Result<SegmentWriter> create(Directory& directory, Sequence first, Bytes size);

  // A frame of `count` records, the first of which is `first`. It is on the disk when sync() has returned.
  Result<> write(std::string_view records, Sequence first, uint32_t count, Sequence synced);
  Result<> sync() { return file_.sync(); }
  // The file ends where its frames do; for ever.
  Result<> seal();
  bool has_room(size_t record_bytes) const;
  Sequence first() const { return first_; }

 private:
  SegmentWriter(File file, Sequence first, uint64_t salt, uint64_t size)
      : file_(std::move(file)), first_(first), salt_(salt), size_(size) {}

  File file_;
  Sequence first_;
  uint64_t salt_;
  uint64_t size_;
  uint64_t end_ = kHeaderBytes;      // of the frames
  uint64_t written_ = kHeaderBytes;  // up to here the file's blocks were written, if only with zeros
};

// Reads frames in order, up to the first place where there is none.
class SegmentReader {
 public:
  struct Frame {
    FrameHeader header;
    std::string_view records;  // until the next call
  };

  static Result<SegmentReader> open(Directory& directory, Sequence first, Directory::Access access);

  // The frame that stands next and begins with record next(); none where the file says nothing of the kind.
  Result<std::optional<Frame>> read();
  Sequence next() const { return next_; }
  uint64_t offset() const { return offset_; }  // where read() looks
  // The last sequence that the frames read so far, or the file's very existence, say is on the disk.
  Sequence synced() const { return synced_; }

  struct Tail {
    uint64_t size = 0;        // up to its last byte that is not zero
    bool was_synced = false;  // a frame in it says that record next() was on the disk once
  };
  // What stands from offset() on.
  Result<Tail> read_tail();
  // Writes what was read and not known to be synced once more, cuts off the rest, and syncs. The kernel may
  // hold pages as clean whose writing has failed, so a sync alone would prove nothing.
  Result<> keep();
  const std::string& name() const { return file_.name(); }

 private:
  SegmentReader(File file, SegmentHeader header, uint64_t size)
      : file_(std::move(file)),
        header_(header),
        size_(size),
        next_(header.first),
        synced_(header.first - 1) {}
  Result<std::string_view> at(uint64_t offset, size_t size);

  File file_;
  SegmentHeader header_;
  uint64_t size_;
  Sequence next_;
  Sequence synced_;
  uint64_t offset_ = kHeaderBytes;
  uint64_t unproven_ = kHeaderBytes;  // from here on frames may not have been synced
  std::string window_;                // of the file, from window_offset_
  uint64_t window_offset_ = 0;
};

// Calls `use` with each record of a frame, as long as it succeeds.
Result<> each_record(const SegmentReader::Frame& frame,
                     const std::function<Result<>(Sequence, std::string_view)>& use);

}  // namespace weir::journal
