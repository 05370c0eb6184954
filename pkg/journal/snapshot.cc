#include "pkg/journal/snapshot.hh"

#include <algorithm>

#include "pkg/base/crc32c.hh"

namespace weir::journal {

Result<> write_snapshot(Directory& directory, Sequence covered, std::string_view bytes) {
  const std::string name = snapshot_name(covered);
  auto file = File::open(directory, name + std::string(kUnfinished), Directory::Access::create);
  if (!file) return std::unexpected(std::move(file.error()));
  auto written = file->write({SnapshotHeader{covered, bytes.size(), crc32c(bytes)}.encode(), bytes}, 0);
  if (written) written = file->sync();
  if (written) written = file->rename(name);
  return written;
}

Result<std::string> read_snapshot(Directory& directory, Sequence covered) {
  auto file = File::open(directory, snapshot_name(covered), Directory::Access::read);
  if (!file) return std::unexpected(std::move(file.error()));
  const auto size = file->size();
  if (!size) return std::unexpected(size.error());
  std::string bytes;
  if (auto got = file->read(bytes, *size, 0); !got) return std::unexpected(std::move(got.error()));
  const auto header = SnapshotHeader::decode(bytes);
  bytes.erase(0, kHeaderBytes);
  if (!header || header->covered != covered || header->size != bytes.size() ||
      header->checksum != crc32c(bytes)) {
    return fail(Errc::invalid, file->name() + " is damaged");
  }
  return bytes;
}

Result<> sync_segment_of(Directory& directory, Sequence record) {
  const auto files = list_files(directory);
  if (!files) return std::unexpected(files.error());
  const auto after = std::ranges::upper_bound(files->segments, record);
  if (after == files->segments.begin()) return fail(Errc::internal, "no segment of the record");
  auto file = File::open(directory, segment_name(*std::prev(after)), Directory::Access::modify);
  if (!file) return std::unexpected(std::move(file.error()));
  return file->sync();
}

Result<> remove_covered(Directory& directory) {
  const auto files = list_files(directory);
  if (!files) return std::unexpected(files.error());
  if (files->snapshots.size() < 2) return {};
  const Sequence older = files->snapshots[files->snapshots.size() - 2];
  std::vector<std::string> covered;
  for (const Sequence snapshot : files->snapshots) {
    if (snapshot < older) covered.push_back(snapshot_name(snapshot));
  }
  // Oldest first: what a crash leaves is still without gaps.
  for (size_t i = 0; i + 1 < files->segments.size() && files->segments[i + 1] <= older + 1; ++i) {
    covered.push_back(segment_name(files->segments[i]));
  }
  for (const std::string& name : covered) {
    if (const int answer = directory.remove(name); answer < 0) return fail_errno("remove " + name, -answer);
  }
  return {};
}

}  // namespace weir::journal
