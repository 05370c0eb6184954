#include "pkg/aio/pipe.hh"

#include <fcntl.h>
#include <unistd.h>

namespace weir::aio {
namespace {

constexpr int kWanted = 256 * 1024;
constexpr int kLeast = 64 * 1024;

std::optional<Pipe> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return std::nullopt;
  Pipe pipe{Descriptor(ends[0]), Descriptor(ends[1])};
  (void)fcntl(ends[1], F_SETPIPE_SZ, kWanted);  // where it is refused, the size stays what it was
  const int size = fcntl(ends[1], F_GETPIPE_SZ);
  if (size < kLeast) return std::nullopt;
  pipe.capacity = static_cast<size_t>(size);
  return pipe;
}

}  // namespace

std::optional<Pipe> PipePool::acquire() {
  if (out_ == kMost) return std::nullopt;
  std::optional<Pipe> pipe;
  if (free_.empty()) {
    pipe = make_pipe();
  } else {
    pipe = std::move(free_.back());
    free_.pop_back();
  }
  if (pipe) ++out_;
  return pipe;
}

void PipePool::release(Pipe pipe, bool is_empty) {
  --out_;
  if (is_empty && free_.size() < kMostKept) free_.push_back(std::move(pipe));
}

}  // namespace weir::aio
