// Pipes for splice(2): the kernel's own buffer between two sockets. Making one and giving it its size costs
// three system calls, so a loop keeps a few.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "pkg/aio/socket.hh"

namespace weir::aio {

struct Pipe {
  Descriptor read_end;
  Descriptor write_end;
  size_t capacity = 0;
  bool is_open() const { return read_end.is_open(); }
};

class PipePool {
 public:
  // Nothing when there are no descriptors left, when kMost are out, or when the kernel gives small pipes only
  // (pipe(7), pipe-user-pages-soft): through those splicing costs more than copying.
  std::optional<Pipe> acquire();
  void release(Pipe pipe, bool is_empty);  // one that holds bytes is closed

  static constexpr size_t kMost = 1024;

 private:
  static constexpr size_t kMostKept = 16;
  std::vector<Pipe> free_;
  size_t out_ = 0;
};

}  // namespace weir::aio
