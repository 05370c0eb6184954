#include "pkg/journal/directory.hh"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace weir::journal {
namespace {

int or_errno(int answer) {
  return answer < 0 ? -errno : answer;
}

class DiskDirectory final : public Directory {
 public:
  explicit DiskDirectory(int fd) : fd_(fd) {}
  ~DiskDirectory() override { ::close(fd_); }
  DiskDirectory(const DiskDirectory&) = delete;
  DiskDirectory& operator=(const DiskDirectory&) = delete;

  int open(const std::string& name, Access access) override {
    int flags = O_CLOEXEC | O_NOFOLLOW | (access == Access::read ? O_RDONLY : O_RDWR);
    if (access == Access::create) flags |= O_CREAT | O_TRUNC;
    return or_errno(openat(fd_, name.c_str(), flags, 0600));
  }
  void close(int file) override { ::close(file); }
  int64_t size(int file) override {
    struct stat found {};
    return fstat(file, &found) < 0 ? -errno : found.st_size;
  }
  ssize_t read(int file, char* into, size_t size, uint64_t offset) override {
    const ssize_t got = pread(file, into, size, static_cast<off_t>(offset));
    return got < 0 ? -errno : got;
  }
  ssize_t write(int file, const iovec* parts, int count, uint64_t offset) override {
    const ssize_t put = pwritev(file, parts, count, static_cast<off_t>(offset));
    return put < 0 ? -errno : put;
  }
  int allocate(int file, uint64_t size) override {
    const int answer = or_errno(fallocate(file, 0, 0, static_cast<off_t>(size)));
    // A file system that cannot: the blocks are found when they are written, each at its own cost.
    return answer == -EOPNOTSUPP ? truncate(file, size) : answer;
  }
  int truncate(int file, uint64_t size) override {
    return or_errno(ftruncate(file, static_cast<off_t>(size)));
  }
  int sync(int file) override { return or_errno(fdatasync(file)); }
  int rename(const std::string& from, const std::string& to) override {
    return or_errno(renameat(fd_, from.c_str(), fd_, to.c_str()));
  }
  int remove(const std::string& name) override { return or_errno(unlinkat(fd_, name.c_str(), 0)); }
  int sync_names() override { return or_errno(fsync(fd_)); }

  int list(std::vector<std::string>& names) override {
    const int own = openat(fd_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (own < 0) return -errno;
    DIR* stream = fdopendir(own);
    if (stream == nullptr) return -errno;
    errno = 0;
    while (const dirent* entry = readdir(stream)) names.emplace_back(entry->d_name);
    const int answer = -errno;
    closedir(stream);
    return answer;
  }

 private:
  int fd_;
};

// A new directory is one only when its parent says so on the disk.
Result<> sync_parent(const std::string& path) {
  const int parent = open((path + "/..").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (parent < 0) return fail_errno("open the parent of " + path, errno);
  const int answer = or_errno(fsync(parent));
  close(parent);
  if (answer < 0) return fail_errno("fsync the parent of " + path, -answer);
  return {};
}

}  // namespace

Result<std::unique_ptr<Directory>> open_directory(const std::string& path) {
  const bool is_new = mkdir(path.c_str(), 0700) == 0;
  if (!is_new && errno != EEXIST) return fail_errno("create directory " + path, errno);
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fail_errno("open directory " + path, errno);
  auto directory = std::make_unique<DiskDirectory>(fd);
  if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
    if (errno == EWOULDBLOCK) return fail(Errc::refused, path + " is in use by another process");
    return fail_errno("lock directory " + path, errno);
  }
  if (is_new) {
    auto synced = sync_parent(path);
    if (!synced) return std::unexpected(std::move(synced.error()));
  }
  return directory;
}

}  // namespace weir::journal
