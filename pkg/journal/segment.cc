#include "pkg/journal/segment.hh"

#include <algorithm>
#include <array>

#include "pkg/base/crc32c.hh"
#include "pkg/base/random.hh"
#include "pkg/base/wire.hh"

namespace weir::journal {
namespace {

// Small frames are written into blocks that hold zeros already, so that their fdatasync changes no metadata;
// once in so many bytes the zeros are written along. A large frame pays for its own blocks.
constexpr uint64_t kZeroAhead = 1 << 20;
constexpr uint64_t kSmallFrame = 64 << 10;
constexpr uint64_t kBlock = 4096;
constexpr size_t kWindow = 1 << 20;
constexpr size_t kAlignment = 8;

std::string_view zeros(uint64_t count) {
  static std::array<char, kZeroAhead + kBlock> none{};  // not const, so that the binary does not hold them
  return {none.data(), count};
}

uint64_t random_salt() {
  std::array<uint8_t, 8> bytes{};
  fill_secure_random(bytes);
  return WireReader({reinterpret_cast<const char*>(bytes.data()), bytes.size()}).u64();
}

}  // namespace

Result<SegmentWriter> SegmentWriter::create(Directory& directory, Sequence first, Bytes size) {
  const std::string name = segment_name(first);
  auto file = File::open(directory, name + std::string(kUnfinished), Directory::Access::create);
  if (!file) return std::unexpected(std::move(file.error()));
  const uint64_t salt = random_salt();
  auto made = file->allocate(std::max<uint64_t>(size.count, kHeaderBytes));
  if (made) made = file->write({SegmentHeader{first, salt}.encode()}, 0);
  if (made) made = file->sync();
  if (made) made = file->rename(name);
  if (!made) return std::unexpected(std::move(made.error()));
  return SegmentWriter(std::move(*file), first, salt, size.count);
}

bool SegmentWriter::has_room(size_t record_bytes) const {
  return end_ == kHeaderBytes ||
         end_ + FrameHeader{static_cast<uint32_t>(record_bytes)}.padded_size() <= size_;
}

Result<> SegmentWriter::write(std::string_view records, Sequence first, uint32_t count, Sequence synced) {
  const FrameHeader header{static_cast<uint32_t>(records.size()), first, synced, count, crc32c(records)};
  const uint64_t end = end_ + header.padded_size();
  uint64_t until = end;
  if (end > written_ && header.padded_size() <= kSmallFrame) {
    until = std::max(end, std::min((end + kZeroAhead) / kBlock * kBlock, size_));
  }
  const uint64_t records_end = end_ + kHeaderBytes + records.size();
  auto put = file_.write({header.encode(salt_), records, zeros(until - records_end)}, end_);
  if (!put) return put;
  end_ = end;
  written_ = std::max(written_, until);
  return {};
}

Result<> SegmentWriter::seal() {
  auto cut = file_.truncate(end_);
  return cut ? file_.sync() : cut;
}

Result<SegmentReader> SegmentReader::open(Directory& directory, Sequence first, Directory::Access access) {
  auto file = File::open(directory, segment_name(first), access);
  if (!file) return std::unexpected(std::move(file.error()));
  std::string bytes;
  if (auto got = file->read(bytes, kHeaderBytes, 0); !got) return std::unexpected(std::move(got.error()));
  const auto header = SegmentHeader::decode(bytes);
  if (!header || header->first != first) return fail(Errc::invalid, file->name() + ": its header is damaged");
  const auto size = file->size();
  if (!size) return std::unexpected(size.error());
  return SegmentReader(std::move(*file), *header, *size);
}

Result<std::string_view> SegmentReader::at(uint64_t offset, size_t size) {
  if (offset < window_offset_ || offset + size > window_offset_ + window_.size()) {
    auto got = file_.read(window_, std::min<uint64_t>(std::max(size, kWindow), size_ - offset), offset);
    if (!got) return std::unexpected(std::move(got.error()));
    window_offset_ = offset;
  }
  const std::string_view window(window_);
  return window.substr(std::min(offset - window_offset_, window.size()), size);
}

Result<std::optional<SegmentReader::Frame>> SegmentReader::read() {
  if (size_ - offset_ < kHeaderBytes) return std::nullopt;
  const auto head = at(offset_, kHeaderBytes);
  if (!head) return std::unexpected(head.error());
  const auto header = FrameHeader::decode(*head, header_.salt);
  if (!header || header->first != next_ || header->size > size_ - offset_ - kHeaderBytes) return std::nullopt;
  const auto records = at(offset_ + kHeaderBytes, header->size);
  if (!records) return std::unexpected(records.error());
  if (records->size() != header->size || crc32c(*records) != header->checksum) return std::nullopt;
  if (header->synced > synced_) {
    synced_ = header->synced;
    if (synced_ + 1 == next_) unproven_ = offset_;
  }
  // The padding of the last frame may be missing where the file was cut.
  offset_ = std::min(offset_ + header->padded_size(), size_);
  next_ += header->count;
  return Frame{*header, *records};
}

Result<SegmentReader::Tail> SegmentReader::read_tail() {
  Tail tail;
  for (uint64_t offset = offset_; offset < size_;) {
    auto piece = at(offset, std::min<uint64_t>(kWindow, size_ - offset));
    if (!piece) return std::unexpected(std::move(piece.error()));
    if (piece->empty()) break;
    // A header may stand across the end of this piece: it is then looked at with the next one.
    const bool is_last = offset + piece->size() >= size_;
    const size_t advance =
        is_last || piece->size() <= kHeaderBytes ? piece->size() : piece->size() - kHeaderBytes;
    const size_t last = piece->find_last_not_of('\0');
    if (last != std::string_view::npos) {
      tail.size = std::max(tail.size, offset + last + 1 - offset_);
      for (size_t i = 0; i < std::min(advance, last + 1); i += kAlignment) {
        const auto header = FrameHeader::decode(piece->substr(i, kHeaderBytes), header_.salt);
        if (header && header->synced >= next_) tail.was_synced = true;
      }
    }
    offset += advance;
  }
  return tail;
}

Result<> SegmentReader::keep() {
  std::string bytes;
  for (uint64_t offset = unproven_; offset < offset_; offset += bytes.size()) {
    auto again = file_.read(bytes, std::min<uint64_t>(kWindow, offset_ - offset), offset);
    if (again) again = file_.write({bytes}, offset);
    if (!again) return again;
    if (bytes.empty()) return fail(Errc::internal, file_.name() + ": became shorter while it was read");
  }
  auto cut = file_.truncate(offset_);
  return cut ? file_.sync() : cut;
}

Result<> each_record(const SegmentReader::Frame& frame,
                     const std::function<Result<>(Sequence, std::string_view)>& use) {
  WireReader reader(frame.records);
  for (uint32_t i = 0; i < frame.header.count; ++i) {
    const std::string_view record = reader.text();
    if (!reader.is_good()) return fail(Errc::internal, "a frame whose records do not fit into it");
    if (auto used = use(frame.header.first + i, record); !used) return used;
  }
  if (!reader.is_whole()) return fail(Errc::internal, "a frame that holds more than its records");
  return {};
}

}  // namespace weir::journal
