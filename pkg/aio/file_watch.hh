// Tells when a file has changed: was written, replaced by a rename, made or removed.
//
// The kernel's events about the file's folder only make it prompt. What counts is that the file looks
// different (its inode, size or times), which is looked at after each event and from time to time without
// one: so a link that is turned to another folder, a file system without events, or a folder that is not
// there yet are seen too, only later.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pkg/aio/operation.hh"

namespace weir::aio {

struct FileWatchSettings {
  Duration quiet = std::chrono::milliseconds(50);  // without events before a change is told
  Duration look_every = std::chrono::seconds(5);   // without any event
};

class FileWatch {
 public:
  // Changes count from here on. The file need not exist.
  FileWatch(Loop& loop, std::string path, FileWatchSettings settings = {});
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  // Waits until the file differs from what it was when the last change was told. One task at a time.
  // Errors: timed_out, cancelled.
  Task<Result<>> next_change(Deadline deadline);

 private:
  struct State;
  struct Look {
    uint64_t device = 0;
    uint64_t inode = 0;
    uint64_t size = 0;
    int64_t modified = 0;  // nanoseconds
    int64_t changed = 0;   // of the inode: rights too
    bool operator==(const Look&) const = default;
  };
  static std::optional<Look> look_at(const std::string& path);

  void watch_folder();
  Task<Result<>> wait_for_quiet();

  Loop& loop_;
  std::string path_;
  std::string folder_;
  FileWatchSettings settings_;
  std::optional<Look> seen_;
  Event event_;
  State* state_ = nullptr;  // the libuv handle; deleted when libuv has let go of it
  uint64_t watched_device_ = 0;
  uint64_t watched_inode_ = 0;
};

}  // namespace weir::aio
