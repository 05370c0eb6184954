#include "pkg/journal/file.hh"

#include <algorithm>
#include <array>
#include <cerrno>

namespace weir::journal {

Result<File> File::open(Directory& directory, std::string name, Directory::Access access) {
  const int fd = directory.open(name, access);
  if (fd < 0) return fail_errno("open " + name, -fd);
  return File(directory, fd, std::move(name));
}

Result<> File::check(std::string_view doing, int64_t answer) const {
  if (answer < 0) return fail_errno(std::string(doing) + " " + name_, static_cast<int>(-answer));
  return {};
}

Result<> File::write(std::initializer_list<std::string_view> parts, uint64_t offset) {
  std::array<iovec, 4> vectors{};
  int count = 0;
  for (const std::string_view part : parts) {
    if (!part.empty()) vectors[static_cast<size_t>(count++)] = {const_cast<char*>(part.data()), part.size()};
  }
  iovec* next = vectors.data();
  while (count > 0) {
    const ssize_t written = directory_->write(fd_, next, count, offset);
    if (written == -EINTR) continue;
    // A call that takes nothing and gives no reason would be repeated for ever.
    if (written <= 0) return check("write", written == 0 ? -EIO : written);
    offset += static_cast<uint64_t>(written);
    for (auto rest = static_cast<size_t>(written); rest > 0;) {
      const size_t taken = std::min(rest, next->iov_len);
      next->iov_base = static_cast<char*>(next->iov_base) + taken;
      next->iov_len -= taken;
      rest -= taken;
      if (next->iov_len == 0) {
        ++next;
        --count;
      }
    }
  }
  return {};
}

Result<> File::read(std::string& into, size_t size, uint64_t offset) {
  into.resize(size);
  size_t filled = 0;
  while (filled < size) {
    const ssize_t got = directory_->read(fd_, into.data() + filled, size - filled, offset + filled);
    if (got == -EINTR) continue;
    if (got < 0) return check("read", got);
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  into.resize(filled);
  return {};
}

Result<Files> list_files(Directory& directory) {
  std::vector<std::string> names;
  if (const int answer = directory.list(names); answer < 0) return fail_errno("list the directory", -answer);
  return sort_names(names);
}

Result<uint64_t> File::size() {
  const int64_t size = directory_->size(fd_);
  if (auto checked = check("stat", size); !checked) return std::unexpected(std::move(checked.error()));
  return static_cast<uint64_t>(size);
}

Result<> File::rename(const std::string& to) {
  if (auto renamed = check("rename", directory_->rename(name_, to)); !renamed) return renamed;
  name_ = to;
  return check("fsync the directory of", directory_->sync_names());
}

}  // namespace weir::journal
