// The file system as a journal sees it: one directory, and the few system calls that are made in it. Behind
// an interface, so that a test can put a disk in its place that fails, or loses power, at any call.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pkg/base/result.hh"

namespace weir::journal {

// Each call answers as the system call does that it stands for, with -errno in place of an error.
class Directory {
 public:
  enum class Access { read, modify, create };  // create: empty, whatever was there before

  virtual ~Directory() = default;
  virtual int open(const std::string& name, Access access) = 0;
  virtual void close(int file) = 0;
  virtual int64_t size(int file) = 0;
  virtual ssize_t read(int file, char* into, size_t size, uint64_t offset) = 0;
  virtual ssize_t write(int file, const iovec* parts, int count, uint64_t offset) = 0;
  virtual int allocate(int file, uint64_t size) = 0;  // makes the file as long, with room on the disk for it
  virtual int truncate(int file, uint64_t size) = 0;
  virtual int sync(int file) = 0;  // fdatasync
  virtual int rename(const std::string& from, const std::string& to) = 0;
  virtual int remove(const std::string& name) = 0;
  virtual int list(std::vector<std::string>& names) = 0;
  virtual int sync_names() = 0;  // what was created, renamed and removed
};

// Makes the directory where there is none (0700), and locks it: another process, or another journal of this
// one, gets Errc::refused. The lock ends with the object.
Result<std::unique_ptr<Directory>> open_directory(const std::string& path);

}  // namespace weir::journal
