// An open file of a journal's directory; its errors say what was being done to which file.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "pkg/journal/directory.hh"
#include "pkg/journal/format.hh"

namespace weir::journal {

class File {
 public:
  static Result<File> open(Directory& directory, std::string name, Directory::Access access);
  File(File&& other) noexcept
      : directory_(other.directory_), fd_(std::exchange(other.fd_, -1)), name_(std::move(other.name_)) {}
  File& operator=(File&& other) noexcept {
    std::swap(directory_, other.directory_);
    std::swap(fd_, other.fd_);
    std::swap(name_, other.name_);
    return *this;
  }
  ~File() {
    if (fd_ >= 0) directory_->close(fd_);
  }

  // All parts, one behind the other, in one call where the kernel takes them so. Four parts at most.
  Result<> write(std::initializer_list<std::string_view> parts, uint64_t offset);
  // Up to `size` bytes in place of what was in `into`; fewer only at the file's end.
  Result<> read(std::string& into, size_t size, uint64_t offset);
  Result<uint64_t> size();
  Result<> allocate(uint64_t size) { return check("allocate", directory_->allocate(fd_, size)); }
  Result<> truncate(uint64_t size) { return check("truncate", directory_->truncate(fd_, size)); }
  Result<> sync() { return check("fdatasync", directory_->sync(fd_)); }
  Result<> rename(const std::string& to);  // and makes that last
  const std::string& name() const { return name_; }

 private:
  File(Directory& directory, int fd, std::string name)
      : directory_(&directory), fd_(fd), name_(std::move(name)) {}
  Result<> check(std::string_view doing, int64_t answer) const;

  Directory* directory_;
  int fd_;
  std::string name_;
};

Result<Files> list_files(Directory& directory);

}  // namespace weir::journal
