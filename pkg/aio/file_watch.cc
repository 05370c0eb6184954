#include "pkg/aio/file_watch.hh"

#include <sys/stat.h>
#include <uv.h>

#include <algorithm>

namespace weir::aio {
namespace {

// A file that is written to all the time is told of once a second, not never.
constexpr int kMostQuietWaits = 20;

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

int64_t nanoseconds(const timespec& time) {
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

struct FileWatch::State {
  uv_fs_event_t handle;
  Event* event;  // null once the watch has let go

  static void release(State* state) {
    state->event = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(&state->handle),
             [](uv_handle_t* closed) { delete static_cast<State*>(closed->data); });
  }
};

FileWatch::FileWatch(Loop& loop, std::string path, FileWatchSettings settings)
    : loop_(loop),
      path_(std::move(path)),
      folder_(folder_of(path_)),
      settings_(settings),
      seen_(look_at(path_)) {
  watch_folder();
}

FileWatch::~FileWatch() {
  if (state_ != nullptr) State::release(state_);
}

std::optional<FileWatch::Look> FileWatch::look_at(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return std::nullopt;
  return Look{status.st_dev, status.st_ino, static_cast<uint64_t>(status.st_size),
              nanoseconds(status.st_mtim), nanoseconds(status.st_ctim)};
}

// The kernel's watch is on the folder's inode: one that was removed and made again needs a new watch.
void FileWatch::watch_folder() {
  const auto folder = look_at(folder_);
  if (!folder) return;
  if (state_ != nullptr && folder->device == watched_device_ && folder->inode == watched_inode_) return;
  if (state_ != nullptr) State::release(std::exchange(state_, nullptr));
  auto* state = new State{{}, &event_};
  state->handle.data = state;
  uv_fs_event_init(loop_.uv(), &state->handle);
  const auto on_event = [](uv_fs_event_t* handle, const char*, int, int) {
    if (Event* event = static_cast<State*>(handle->data)->event) event->set();
  };
  if (uv_fs_event_start(&state->handle, on_event, folder_.c_str(), 0) != 0) {
    State::release(
        state);  // no right to read the folder, or no watches left: looking from time to time stays
    return;
  }
  state_ = state;
  watched_device_ = folder->device;
  watched_inode_ = folder->inode;
}

Task<Result<>> FileWatch::wait_for_quiet() {
  for (int i = 0; i < kMostQuietWaits; ++i) {
    event_.reset();
    const auto more = co_await event_.wait(loop_.in(settings_.quiet));
    if (more) continue;
    if (more.error().code == Errc::cancelled) co_return more;
    break;
  }
  co_return Result<>();
}

Task<Result<>> FileWatch::next_change(Deadline deadline) {
  for (;;) {
    event_.reset();
    watch_folder();
    const auto look = look_at(path_);
    if (look != seen_) {
      seen_ = look;
      co_return Result<>();
    }
    const auto woken = co_await event_.wait(std::min(deadline, loop_.in(settings_.look_every)));
    if (woken) {
      const auto quiet = co_await wait_for_quiet();
      if (!quiet) co_return quiet;
    } else if (woken.error().code == Errc::cancelled || loop_.in(Duration{0}) >= deadline) {
      co_return woken;
    }
  }
}

}  // namespace weir::aio
