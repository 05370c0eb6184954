// A journal's directory with any bytes for a segment and a snapshot: recovery must end, never in a record
// that fails its checksum, and what it has accepted it must accept again.
//
// The first two bytes say where the snapshot begins; what stands before it is the segment. With the highest
// bit of the second set, the segment's checksums are made right first: only so can any frame be met.
#include <cstddef>
#include <cstdint>

#include "pkg/base/crc32c.hh"
#include "pkg/base/wire.hh"
#include "pkg/journal/recovery.hh"
#include "tests/unit/journal_disk.hh"

namespace {

using namespace weir;
using namespace weir::journal;

struct Seen {
  Result<Recovered> recovered;
  std::string bytes;  // of all that was replayed
};

Seen replay(SimulatedDisk& disk, OnDamage on_damage) {
  std::string bytes;
  Sequence last = 0;
  const Replay into{[&](Sequence covered, std::string_view snapshot) {
                      last = covered;
                      bytes += snapshot;
                      return Result<>{};
                    },
                    [&](Sequence sequence, std::string_view record) {
                      if (sequence != last + 1) __builtin_trap();
                      last = sequence;
                      bytes += record;
                      return Result<>{};
                    }};
  auto recovered = recover(*disk.open(), into, on_damage);
  return {std::move(recovered), std::move(bytes)};
}

std::string with_checksums(std::string segment) {
  if (segment.size() < kHeaderBytes) return segment;
  segment.replace(0, kHeaderBytes, SegmentHeader{1, 0}.encode());
  for (size_t at = kHeaderBytes; segment.size() - at >= kHeaderBytes;) {
    const std::string_view rest = std::string_view(segment).substr(at);
    WireReader reader(rest.substr(sizeof(uint32_t)));
    FrameHeader header;
    header.size = reader.u32() % static_cast<uint32_t>(rest.size() - kHeaderBytes + 1);
    header.first = reader.u64();
    header.synced = reader.u64();
    header.count = reader.u32();
    header.checksum = crc32c(rest.substr(kHeaderBytes, header.size));
    segment.replace(at, kHeaderBytes, header.encode(0));
    at = std::min(segment.size(), at + header.padded_size());
  }
  return segment;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 2), size - 2);
  const size_t split = std::min<size_t>(bytes.size(), size_t{data[0]} | (data[1] & size_t{0x7f}) << 8);
  SimulatedDisk disk;
  std::string segment(bytes.substr(0, split));
  if ((data[1] & 0x80) != 0) segment = with_checksums(std::move(segment));
  disk.put(segment_name(1), std::move(segment));
  if (split < bytes.size()) disk.put(snapshot_name(3), std::string(bytes.substr(split)));
  const auto before = disk.files();
  const Seen first = replay(disk, OnDamage::fail);
  if (!first.recovered) {
    const Seen partial = replay(disk, OnDamage::read_only);
    if (partial.recovered && (!partial.recovered->damage || disk.files() != before)) __builtin_trap();
    return 0;
  }
  const Seen again = replay(disk, OnDamage::fail);
  if (!again.recovered || again.bytes != first.bytes || again.recovered->torn_bytes != 0) __builtin_trap();
  return 0;
}
