#include "pkg/journal/format.hh"

#include <algorithm>

#include "pkg/base/crc32c.hh"
#include "pkg/base/text.hh"
#include "pkg/base/wire.hh"

namespace weir::journal {
namespace {

constexpr std::string_view kSegment = "segment-";
constexpr std::string_view kSnapshot = "snapshot-";
constexpr std::string_view kSegmentMagic = "WEIRSEG1";
constexpr std::string_view kSnapshotMagic = "WEIRSNP1";
constexpr size_t kDigits = 20;

bool is_credible(Sequence sequence) {
  return sequence > 0 && sequence <= kMaxSequence;
}

std::string name_of(std::string_view kind, Sequence sequence) {
  std::string digits;
  append_uint(digits, sequence);
  std::string name(kind);
  return name.append(kDigits - digits.size(), '0') + digits;
}

std::optional<Sequence> sequence_in(std::string_view name, std::string_view kind) {
  if (!name.starts_with(kind) || name.size() != kind.size() + kDigits) return std::nullopt;
  const auto sequence = parse_uint(name.substr(kind.size()));
  return sequence && is_credible(*sequence) ? sequence : std::nullopt;
}

uint32_t salted(uint64_t salt) {
  std::string bytes;
  WireWriter(bytes).u64(salt);
  return crc32c(bytes);
}

// The magic, two numbers, and a checksum of the 24 bytes or what stands for it.
std::string_view body_of(std::string_view header) {
  return header.substr(0, kHeaderBytes - sizeof(uint32_t));
}

}  // namespace

std::string segment_name(Sequence first) {
  return name_of(kSegment, first);
}

std::string snapshot_name(Sequence covered) {
  return name_of(kSnapshot, covered);
}

Files sort_names(const std::vector<std::string>& names) {
  Files files;
  for (const std::string& name : names) {
    const std::string_view stem = std::string_view(name).substr(0, name.rfind(kUnfinished));
    const auto segment = sequence_in(stem, kSegment);
    const auto snapshot = sequence_in(stem, kSnapshot);
    if (name.ends_with(kUnfinished)) {
      if (segment || snapshot) files.unfinished.push_back(name);
    } else if (segment) {
      files.segments.push_back(*segment);
    } else if (snapshot) {
      files.snapshots.push_back(*snapshot);
    }
  }
  std::ranges::sort(files.segments);
  std::ranges::sort(files.snapshots);
  return files;
}

std::string SegmentHeader::encode() const {
  std::string bytes(kSegmentMagic);
  WireWriter(bytes).u64(first).u64(salt);
  WireWriter(bytes).u32(crc32c(bytes)).u32(0);
  return bytes;
}

std::optional<SegmentHeader> SegmentHeader::decode(std::string_view bytes) {
  WireReader reader(bytes);
  const bool is_ours = reader.take(kSegmentMagic.size()) == kSegmentMagic;
  SegmentHeader header;
  header.first = reader.u64();
  header.salt = reader.u64();
  const uint32_t checksum = reader.u32();
  const uint32_t zero = reader.u32();
  if (!is_ours || !reader.is_good() || zero != 0 || checksum != crc32c(bytes.substr(0, 24))) {
    return std::nullopt;
  }
  return header;
}

std::string FrameHeader::encode(uint64_t salt) const {
  std::string body;
  WireWriter(body).u32(size).u64(first).u64(synced).u32(count).u32(checksum);
  std::string bytes;
  WireWriter(bytes).u32(crc32c(body, salted(salt)));
  return bytes + body;
}

std::optional<FrameHeader> FrameHeader::decode(std::string_view bytes, uint64_t salt) {
  WireReader reader(bytes);
  const uint32_t checksum = reader.u32();
  FrameHeader header;
  header.size = reader.u32();
  header.first = reader.u64();
  header.synced = reader.u64();
  header.count = reader.u32();
  header.checksum = reader.u32();
  // The cheap questions first: the search for a frame asks them of every place.
  if (!reader.is_good() || !is_credible(header.first) || header.synced >= header.first) return std::nullopt;
  if (uint64_t{header.count} * sizeof(uint32_t) > header.size) return std::nullopt;
  const std::string_view body = bytes.substr(sizeof(uint32_t), kHeaderBytes - sizeof(uint32_t));
  if (checksum != crc32c(body, salted(salt))) return std::nullopt;
  return header;
}

std::string SnapshotHeader::encode() const {
  std::string bytes(kSnapshotMagic);
  WireWriter(bytes).u64(covered).u64(size).u32(checksum);
  WireWriter(bytes).u32(crc32c(bytes));
  return bytes;
}

std::optional<SnapshotHeader> SnapshotHeader::decode(std::string_view bytes) {
  WireReader reader(bytes);
  const bool is_ours = reader.take(kSnapshotMagic.size()) == kSnapshotMagic;
  SnapshotHeader header;
  header.covered = reader.u64();
  header.size = reader.u64();
  header.checksum = reader.u32();
  const uint32_t own = reader.u32();
  if (!is_ours || !reader.is_good() || own != crc32c(body_of(bytes.substr(0, kHeaderBytes)))) {
    return std::nullopt;
  }
  return header;
}

}  // namespace weir::journal
